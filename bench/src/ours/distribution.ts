/**
 * `bb_dist.erl`: two nodes on loopback, the other one in a Node.js process of its own. A sender that meets a busy connection
 * waits, as one there is suspended.
 */

import { spawn as spawnProgram } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { atom, createNode, tuple } from "@interlock/cluster";
import { type NodeName, type Pid, refTo, remote, type Self, send, sendWait, spawnLink, trySend } from "@interlock/core";
import { emit, percentile, quick, runPrograms, seconds } from "../figure.ts";
import { Counter, type CounterRef } from "./counter.ts";
import type { Sinks } from "./distribution-peer.ts";
import { isolated, rate } from "./measured.ts";

const epmdPort = await freePort();
const node = await createNode({ name: "ours_a@127.0.0.1", cookie: "bb", epmd: { port: epmdPort } });
const far: NodeName = "ours_b@127.0.0.1";
await startPeer();

const counter: CounterRef = Counter.at(remote("counter", far));
const sinks = refTo<typeof Sinks>(remote("sinks", far));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function startPeer(): Promise<void> {
  const path = new URL("distribution-peer.ts", import.meta.url).pathname;
  const args = [...process.execArgv, path, far, String(epmdPort)];
  const child = spawnProgram(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill("SIGKILL"));
  await once(child.stdout, "data");
}

async function callTimes(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await counter.call.increment();
}

interface Ready {
  readonly type: "ready" | "all";
  readonly pid: Pid<unknown>;
}

function oneWay(name: string, message: unknown, count: number, bytes: number): Promise<void> {
  return rateOf<Ready>(name, count, bytes, async (self) => {
    sinks.cast.start(count, self.pid);
    const { pid: sink } = await self.receive({ type: "ready" });
    return async () => {
      for (let index = 0; index < count; index++) if (!trySend(sink, message)) await sendWait(sink, message);
      await self.receive({ type: "all" });
    };
  });
}

/** As `rate`, with what `prepare` gives measured alone. */
async function rateOf<M>(
  name: string,
  count: number,
  bytes: number,
  prepare: (self: Self<M>) => Promise<() => Promise<void>>,
): Promise<void> {
  const times: number[] = [];
  for (let repetition = 0; repetition < 3; repetition++)
    times.push(await isolated<M, number>(async (self) => seconds(await prepare(self))));
  const time = percentile(times, 50);
  emit({ name, value: count / time, unit: "msgs/s", count, mb_s: (count * bytes) / time / 1e6 });
}

const less = quick ? 0.2 : 1;
const times = (count: number): number => Math.round(count * less);

await runPrograms({
  dist: async () => {
    const connecting: number[] = [];
    for (let round = 0; round < 41; round++) {
      const start = performance.now();
      await node.connect(far);
      connecting.push((performance.now() - start) * 1_000);
      const down = new Promise<void>((resolve) => {
        const end = node.watchNodes((event) => {
          if (event.type !== "nodedown") return;
          end();
          resolve();
        });
      });
      node.disconnect(far);
      await down;
    }
    emit({ name: "dist_connect_p50", value: percentile(connecting.slice(1), 50), unit: "us", count: 40 });
    await node.connect(far);
    await rate("dist_call_seq", times(20_000), () => callTimes(times(20_000)), 3);
    await rate<"done">(
      "dist_call_100_callers",
      times(100_000),
      async (self) => {
        const parent = self.pid;
        for (let caller = 0; caller < 100; caller++)
          spawnLink(async () => {
            await callTimes(times(1_000));
            send(parent, "done");
          });
        for (let caller = 0; caller < 100; caller++) await self.receive();
      },
      3,
    );
    await oneWay("dist_send_small", tuple(atom("msg"), 42, atom("ok")), times(300_000), 16);
    await oneWay("dist_send_1kb", new Uint8Array(1_024).fill(200), times(100_000), 1_024);
    await oneWay("dist_send_64kb", new Uint8Array(65_536).fill(200), times(6_000), 65_536);
    await oneWay("dist_send_1mb", new Uint8Array(1_048_576).fill(200), times(400), 1_048_576);
  },
});
