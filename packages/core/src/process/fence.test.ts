import { expect, test } from "vitest";
import {
  exit,
  genServer,
  local,
  monitor,
  type Pid,
  ProcessExit,
  register,
  reply,
  type Self,
  send,
  sendAfter,
  sendWait,
  spawn,
  spawnLink,
  spawnMonitor,
  task,
  trySend,
  unregister,
} from "../index.ts";

const Server = genServer({ name: "server", init: () => 0, calls: { ok: () => reply("ok") }, casts: {} });

const target = spawn<string>(async (self) => {
  for (;;) await self.receive();
});

/** Everything that code of a dead process could still want to do to others. */
const operations: Record<string, (self: Self<string>) => unknown> = {
  send: () => send(target, "x"),
  trySend: () => trySend(target, "x"),
  sendAfter: () => sendAfter(1, target, "x"),
  sendWait: () => sendWait(target, "x"),
  call: () => Server.at(local("fence_server")).call.ok(),
  start: () => Server.start(),
  spawn: () => spawn(async () => undefined),
  spawnLink: () => spawnLink(async () => undefined),
  spawnMonitor: () => spawnMonitor(async () => undefined),
  task: () => task(async () => 1),
  exit: () => exit(target, "kill"),
  register: () => register("fence_name", target),
  unregister: () => unregister("fence_server"),
  "self.receive": (self) => self.receive(),
  "self.link": (self) => self.link(target),
  "self.monitor": (self) => self.monitor(target),
  "self.task": (self) => self.task(() => 1),
  "self.sendAfter": (self) => self.sendAfter(1, "x"),
  "self.own": (self) => self.own({ close: () => undefined }),
};

for (const [name, operation] of Object.entries(operations))
  test(`after the end of its process ${name} throws ProcessExit and does nothing`, async () => {
    await Server.named(local("fence_server")).start();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>();
    const pid: Pid<string> = spawn<string>(async (self) => {
      await gate;
      try {
        resolve(await operation(self));
      } catch (error) {
        resolve(error);
      }
    });
    // Its code has begun and waits for something of its own.
    await Server.at(local("fence_server")).call.ok();
    await new Promise<void>((done) => void setImmediate(done));
    const ended = monitor(pid);
    exit(pid, "kill");
    await ended;
    open();
    expect(await outcome).toBeInstanceOf(ProcessExit);
    await Server.at(local("fence_server")).stop();
  });
