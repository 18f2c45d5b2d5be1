/**
 * `npm run soak [-- PROCESSES]` (or SOAK_PROCESSES; default 10 million): starts and ends that many processes with links,
 * monitors, names, timers, tasks and supervised gen_servers, many of them by a crash, and fails unless the heap stays flat
 * and nothing is left over. Each batch is a process of its own and checks what it hears of every end.
 */
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import {
  self as currentSelf,
  defaultNode,
  dynamicSupervisor,
  exit,
  genServer,
  local,
  monitor,
  noreply,
  type Pid,
  processes,
  registered,
  reply,
  type Self,
  send,
  spawn,
  spawnLink,
  spawnMonitor,
  supervisor,
  whereis,
} from "@interlock/core";

const wanted = Number(process.argv[2] ?? process.env["SOAK_PROCESSES"] ?? 10_000_000);
assert(Number.isInteger(wanted) && wanted > 0, "the number of processes is a whole number above 0");

/** A leak of one byte a process would be four times as much in the ten million of a full run. */
const toleranceBytes = 2 * 1024 * 1024;
const checkpoints: readonly number[] = [0.2, 0.6, 1];

let spawned = 0;
let ended = 0;
subscribe("interlock:process.spawn", () => void spawned++);
subscribe("interlock:process.exit", () => void ended++);

let crashes = 0;
let crashReports = 0;
const node = defaultNode();
node.onReport = (report) => {
  if (report.type === "crash") crashReports++;
  else if (report.type === "lingering" || report.type === "warning")
    throw new Error(`unexpected report: ${report.type}`);
};

/** Crashes the running process on purpose. */
function fail(): never {
  crashes++;
  throw new Error("on purpose");
}

interface Up {
  readonly type: "up";
  readonly pid: Pid;
}
type Message = Up | { readonly type: "tick" } | { readonly type: "never" };
type Driver = Self<Message>;

interface Tally {
  readonly count: number;
}

const Worker = genServer({
  name: "soak_worker",
  init: (notify: Pid<Up>): Tally => {
    send(notify, { type: "up", pid: currentSelf().pid });
    return { count: 0 };
  },
  calls: {
    count({ state }) {
      const count = state.count + 1;
      return reply(count, { count });
    },
  },
  casts: {
    add: ({ state }, amount: number) => noreply({ count: state.count + amount }),
    crash: () => fail(),
    crashLater: (ctx) => {
      setImmediate(fail);
      return noreply(ctx.state);
    },
  },
});

const often = { intensity: 1_000_000, periodMs: 1_000 } as const;
const Workers = dynamicSupervisor(Worker, often);
const Trio = supervisor({
  name: "soak_trio",
  strategy: "one_for_all",
  ...often,
  children: (notify: Pid<Up>) =>
    ["a", "b", "c"].map((id) => Worker.child([notify], { id, name: local(`soak-trio-${id}`) })),
});

/** Each starts and ends some processes; the driver traps exits. */
const scenarios: readonly ((driver: Driver) => Promise<void>)[] = [
  async function monitoredEnds(driver) {
    for (let index = 0; index < 300; index++) {
      const crashing = index % 10 === 0;
      const { monitor: watch } = spawnMonitor(crashing ? fail : async () => {});
      const down = await driver.receive(watch.down);
      assert.equal(down.reason === "normal", !crashing);
    }
  },

  async function linkedEnds(driver) {
    const exits = driver.trapExit();
    for (let index = 0; index < 300; index++) {
      const child = spawnLink<Message>(async (self) => void (await self.receive()));
      exit(child, "boom");
      const { from, reason } = await driver.receive(exits);
      assert(from === child && reason === "boom");
    }
  },

  /** The end of one spreads over links to fifty. */
  async function chains(driver) {
    for (let round = 0; round < 4; round++) {
      let next: Pid | undefined;
      const watches = [];
      for (let index = 0; index < 50; index++) {
        const before = next;
        next = spawn<Message>(async (self) => {
          if (before !== undefined) self.link(before);
          await self.receive();
        });
        watches.push(driver.monitor(next));
      }
      await driver.receive({ type: "never" }, { timeoutMs: 1 });
      exit(next as Pid, "kill");
      const reasons = new Set<unknown>();
      for (const watch of watches) reasons.add((await driver.receive(watch.down)).reason);
      assert.deepEqual([...reasons], ["killed"]);
    }
  },

  async function names(driver) {
    for (let index = 0; index < 100; index++) {
      const name = local(`soak-${index}`);
      const server = await Worker.named(name).start(driver.pid);
      await driver.receive({ type: "up" });
      assert.equal(whereis(name), server.pid);
      assert.equal(await Worker.at(name).call.count(), 1);
      await server.stop();
      assert.equal(whereis(name), undefined);
    }
  },

  /** Timers that fire, that are cancelled, and that die with their process. */
  async function timers(driver) {
    const watches = [];
    for (let index = 0; index < 100; index++) {
      const waiting = spawn<Message>(async (self) => {
        self.sendAfter(60_000, { type: "never" });
        await self.receive({ type: "never" }, { timeoutMs: 60_000 });
      });
      const firing = spawn<Message>(async (self) => {
        self.sendAfter(60_000, { type: "never" }).cancel();
        self.sendAfter(index % 3, { type: "tick" });
        await self.receive({ type: "tick" });
      });
      watches.push({ waiting, killed: driver.monitor(waiting), fired: driver.monitor(firing) });
    }
    for (const { waiting, killed, fired } of watches) {
      assert.equal((await driver.receive(fired.down)).reason, "normal");
      exit(waiting, "kill");
      assert.equal((await driver.receive(killed.down)).reason, "killed");
    }
  },

  async function tasks(driver) {
    for (let index = 0; index < 100; index++) {
      assert.equal(await driver.task(() => index), index);
    }
  },

  async function strayErrors(driver) {
    const watches = [];
    for (let index = 0; index < 20; index++) {
      const { monitor: watch } = spawnMonitor<Message>(async (self) => {
        if (index % 2 === 0) setTimeout(fail, 0);
        else void Promise.reject(new Error("on purpose"));
        await self.receive();
      });
      if (index % 2 === 1) crashes++;
      watches.push(watch);
    }
    for (const watch of watches) assert.notEqual((await driver.receive(watch.down)).reason, "normal");
  },

  async function supervised(driver) {
    const workers = await Workers.startLink();
    for (let index = 0; index < 200; index++) {
      const worker = await workers.startChild(driver.pid);
      await driver.receive({ type: "up" });
      worker.cast.add(2);
      assert.equal(await worker.call.count(), 3);
      if (index % 4 === 0) {
        if (index % 8 === 0) worker.cast.crash();
        else worker.cast.crashLater();
        const { pid } = await driver.receive({ type: "up" });
        assert.equal(await Worker.at(pid).call.count(), 1);
      } else if (index % 4 === 1) await workers.terminateChild(worker.pid);
    }
    await workers.stop();
    const trio = await Trio.startLink(driver.pid);
    for (let restart = 0; restart < 10; restart++) {
      for (let index = 0; index < 3; index++) await driver.receive({ type: "up" });
      Worker.at(local("soak-trio-b")).cast.crash();
    }
    for (let index = 0; index < 3; index++) await driver.receive({ type: "up" });
    await trio.stop();
  },
];

async function batch(): Promise<void> {
  const pid = spawn<Message>(async function soakBatch(driver) {
    driver.trapExit();
    for (const scenario of scenarios) await scenario(driver);
  });
  const { reason } = await monitor(pid);
  if (reason === "normal") return;
  throw new Error("a batch failed", { cause: (reason as { readonly error?: unknown }).error ?? reason });
}

async function heapAfterGc(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

async function main(): Promise<void> {
  assert(globalThis.gc !== undefined, "run under node --expose-gc: npm run soak");
  const start = performance.now();
  const heaps: number[] = [];
  let printed = 0;
  while (heaps.length < checkpoints.length) {
    await batch();
    const share = spawned / wanted;
    if (share >= (checkpoints[heaps.length] ?? 1)) heaps.push(await heapAfterGc());
    if (Math.floor(share * 20) === printed) continue;
    printed = Math.floor(share * 20);
    const seconds = ((performance.now() - start) / 1_000).toFixed(0);
    const heapMb = ((heaps.at(-1) ?? process.memoryUsage().heapUsed) / 1e6).toFixed(1);
    console.log(
      `${Math.round(share * 100)} %  ${spawned} processes, ${crashes} crashes, ${seconds} s, heap ${heapMb} MB`,
    );
  }

  const checks: readonly (readonly [string, boolean, unknown])[] = [
    [
      "every process has ended",
      spawned === ended && processes().length === 0,
      { spawned, ended, left: processes().map(String) },
    ],
    ["every name is free", registered().length === 0, registered()],
    ["every timer is gone", node.scheduler.timers.size === 0, node.scheduler.timers.size],
    ["every crash was reported once", crashes === crashReports, { crashes, crashReports }],
    ["no code lingers", node.lingering === 0, node.lingering],
    [
      "the heap is flat",
      // It may shrink while the engine still sorts out what it keeps of the start.
      heaps.every((bytes, at) => bytes - Math.min(...heaps.slice(0, at + 1)) <= toleranceBytes),
      heaps.map((bytes) => `${(bytes / 1e6).toFixed(2)} MB`),
    ],
  ];
  for (const [what, holds, seen] of checks) {
    console.log(`${holds ? "✓" : "✗"} ${what}`);
    if (!holds) console.log(seen);
  }
  const failed = checks.filter(([, holds]) => !holds).length;
  console.log(`soak: ${checks.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

await main();
