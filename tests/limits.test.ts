/** What docs/limits.md says and no other test shows. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import {
  exit,
  genServer,
  local,
  monitor,
  noreply,
  onReport,
  processInfo,
  type Report,
  reply,
  send,
  spawn,
  supervisor,
} from "@interlock/core";
import { expect, test } from "vitest";

import { settled, VirtualTime } from "../conformance/virtual-time.ts";
import { spawnProcess } from "../packages/core/src/process/spawn.ts";

onReport(() => undefined);

test("a handler that loops holds up the timers and the processes of its thread", async () => {
  const seen: string[] = [];
  const timer = Promise.withResolvers<void>();
  spawn(() => {
    setTimeout(() => {
      seen.push("timer");
      timer.resolve();
    }, 1);
    for (const end = performance.now() + 20; performance.now() < end; );
    seen.push("looped");
  });
  const neighbour = monitor(spawn(() => void seen.push("neighbour")));
  await Promise.all([timer.promise, neighbour]);
  expect(seen).toHaveLength(3);
  expect(seen[0]).toBe("looped");
});

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
}

/** Runs a program in a Node.js of its own, in which a process prints a line and then runs `body`. */
function programOf(body: string, ...flags: readonly string[]): Promise<Ended> {
  const code = `
    import { monitor, spawn } from "@interlock/core";
    const pid = spawn(() => { console.log("began"); ${body} });
    await monitor(pid);
    console.log("the others go on");
  `;
  const args = [...flags, "--conditions=@interlock/source", "--input-type=module", "--eval", code];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: join(import.meta.dirname, "..") }, (error, stdout) =>
      resolve({ code: error?.code ?? error?.signal ?? 0, stdout }),
    );
  });
}

test("a process that throws ends alone; one that runs out of memory or calls process.exit ends the program", async () => {
  const [thrown, exited, exhausted] = await Promise.all([
    programOf('throw new Error("Boom");'),
    programOf("process.exit(3);"),
    programOf("for (const all = []; ; ) all.push(new Array(100_000).fill(all));", "--max-old-space-size=64"),
  ]);
  expect(thrown).toEqual({ code: 0, stdout: "began\nthe others go on\n" });
  expect(exited).toEqual({ code: 3, stdout: "began\n" });
  expect(exhausted.stdout).toBe("began\n");
  expect(exhausted.code).not.toBe(0);
});

test("a message is the very object that was sent", async () => {
  const message = { list: [1, 2, 3] };
  const received = await new Promise<unknown>((resolve) => {
    const pid = spawn<typeof message>(async (self) => resolve(await self.receive()));
    send(pid, message);
  });
  expect(received).toBe(message);
});

test("what waits in the mailbox of a process that ends is lost, and its successor begins with the state of init", async () => {
  const gate = Promise.withResolvers<void>();
  const List = genServer({
    name: "list",
    init: (): readonly string[] => ["of init"],
    calls: { all: ({ state }) => reply(state) },
    casts: {
      add: ({ state }, item: string) => noreply([...state, item]),
      async wait() {
        await gate.promise;
        return noreply();
      },
    },
  });
  const children = () => [List.child([], { name: local("limits_list") })];
  const sup = await supervisor({ name: "limits_sup", strategy: "one_for_one", children }).start();
  const list = List.at(local("limits_list"));
  list.cast.add("handled");
  expect(await list.call.all()).toEqual(["of init", "handled"]);
  list.cast.wait();
  list.cast.add("waiting");
  const end = monitor(local("limits_list"));
  gate.reject(new Error("Boom"));
  await end;
  // The supervisor answers after it has started the child again.
  await sup.whichChildren();
  expect(await list.call.all()).toEqual(["of init"]);
  await sup.stop();
});

test("what a process has written outside stays, and its leftover code may write more", async () => {
  const written: string[] = [];
  const gate = Promise.withResolvers<void>();
  const pid = spawn(async () => {
    written.push("before the end");
    await gate.promise;
    written.push("after the end");
  });
  await settled();
  exit(pid, "kill");
  gate.resolve();
  await settled();
  expect(written).toEqual(["before the end", "after the end"]);
});

test("what is given self.signal ends with the process, and finally blocks run", async () => {
  const ended = Promise.withResolvers<string>();
  const pid = spawn(async (self) => {
    try {
      await delay(60_000, undefined, { signal: self.signal });
    } finally {
      ended.resolve("finally");
    }
  });
  await settled();
  exit(pid, "kill");
  expect(await ended.promise).toBe("finally");
});

test("code that ignores the end of its process is reported as lingering after the shutdown time", async () => {
  const time = new VirtualTime();
  const reports: Report[] = [];
  time.node.onReport = (report) => void reports.push(report);
  const { pid } = spawnProcess(time.node, () => new Promise<void>(() => undefined), undefined, false, undefined);
  await settled();
  exit(pid, "kill");
  await time.advance(4_999);
  expect(reports).toEqual([]);
  await time.advance(1);
  expect(reports).toMatchObject([{ type: "lingering", problem: "still_running", pid }]);
});

test("a mailbox grows without bound unless it is given one", async () => {
  const pid = spawn<number>(async (self) => {
    const exits = self.trapExit();
    await self.receive(exits);
  });
  for (let n = 0; n < 100_000; n++) send(pid, n);
  await settled();
  expect(processInfo(pid)?.mailboxLength).toBe(100_000);
  exit(pid, "kill");
});
