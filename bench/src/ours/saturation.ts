/**
 * What a saturated scheduler leaves to the rest of the thread: timers, sockets, the event loop itself. The load never
 * ends and never lets the run queue empty: callers, casts, a ring, ping-pong, processes that come and go, restarts.
 */

import { spawn as spawnProgram } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { exit, type Pid, type Self, send, spawn, spawnMonitor, supervisor } from "@interlock/core";
import { emit, quick, runPrograms } from "../figure.ts";
import { Counter, type Up } from "./counter.ts";
import "./measured.ts";

const windowMs = quick ? 2_000 : 10_000;
const warmUpMs = quick ? 500 : 2_000;

interface Token {
  readonly type: "token";
}

/** Runs `measure` under the load, and refuses a load that leaves the loop time to idle. */
async function saturated<T>(measure: () => Promise<T>): Promise<T> {
  await startLoad();
  await sleep(warmUpMs);
  const before = performance.eventLoopUtilization();
  const measured = await measure();
  const { utilization } = performance.eventLoopUtilization(before);
  if (utilization < 0.99)
    throw new Error(`the load leaves the loop idle for ${Math.round((1 - utilization) * 100)} % of the time`);
  return measured;
}

async function startLoad(): Promise<void> {
  const shared = await Counter.start();
  for (let caller = 0; caller < 100; caller++) {
    spawn(async () => {
      for (;;) await shared.call.increment();
    });
  }
  spawn(async () => {
    const counter = await Counter.start();
    for (;;) {
      for (let index = 0; index < 100; index++) counter.cast.increment();
      await counter.call.get();
    }
  });
  ring(100);
  spawn(async (self) => {
    for (;;) {
      const { monitor } = spawnMonitor(() => {});
      await self.receive(monitor.down);
    }
  });
  spawn(async (self: Self<Up>) => {
    const Restarted = supervisor({
      name: "restarted",
      strategy: "one_for_one",
      intensity: 100_000_000,
      periodMs: 1_000,
      children: () => [Counter.child([self.pid])],
    });
    await Restarted.startLink();
    for (;;) exit((await self.receive({ type: "up" })).pid, "kill");
  });
}

/** Plain processes that pass a token round for ever. */
function ring(size: number): void {
  const last = spawn<Token>((self) => pass(self, first));
  let first: Pid<Token> = last;
  for (let index = 1; index < size; index++) {
    const next = first;
    first = spawn<Token>((self) => pass(self, next));
  }
  send(first, { type: "token" });
}

async function pass(self: Self<Token>, next: Pid<Token>): Promise<void> {
  for (;;) send(next, await self.receive());
}

async function ticks(): Promise<number> {
  let count = 0;
  const timer = setInterval(() => count++, 1);
  const start = performance.now();
  await sleep(windowMs);
  clearInterval(timer);
  return count / (performance.now() - start);
}

async function delayP99(): Promise<{ readonly p99: number; readonly max: number }> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(windowMs);
  histogram.disable();
  return { p99: histogram.percentile(99) / 1e6, max: histogram.max / 1e6 };
}

/** Round trips of a client in another process to an echo server on this thread. */
async function echo(): Promise<{
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}> {
  const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const program = fileURLToPath(new URL("echo-client.ts", import.meta.url));
  const client = spawnProgram(process.execPath, [program, String(port), String(windowMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: client.stdout })) {
    server.close();
    return JSON.parse(line) as Awaited<ReturnType<typeof echo>>;
  }
  throw new Error("the echo client ended without a figure");
}

await runPrograms({
  timer_ticks_saturated: async () => {
    const idle = await ticks();
    const value = (await saturated(ticks)) / idle;
    emit({ name: "timer_ticks_saturated", value, unit: "of idle", count: windowMs, idlePerMs: idle });
  },

  event_loop_delay_p99_saturated: async () => {
    const idle = await delayP99();
    const { p99, max } = await saturated(delayP99);
    emit({ name: "event_loop_delay_p99_saturated", value: p99, unit: "ms", count: windowMs, max, idleP99: idle.p99 });
  },

  tcp_echo_p99_saturated: async () => {
    const idle = await echo();
    const { p50, p99, max, count } = await saturated(echo);
    emit({ name: "tcp_echo_p99_saturated", value: p99, unit: "ms", count, p50, max, idleP99: idle.p99 });
  },
});
