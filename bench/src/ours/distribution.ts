/**
 * `bb_dist.erl`: two nodes on loopback, the other one in a Node.js process of its own. A sender that meets a busy connection
 * waits, as one there is suspended.
 */

import { atom, tuple } from "@interlock/cluster";
import { type NodeName, type Pid, refTo, remote, type Self, send, sendWait, spawnLink, trySend } from "@interlock/core";
import { emit, percentile, quick, runPrograms, seconds } from "../figure.ts";
import { Counter } from "./counter.ts";
import type { Sinks } from "./distribution-peer.ts";
import { isolated, rate } from "./measured.ts";
import { type Nodes, startNodes } from "./two-nodes.ts";

const FAR: NodeName = "ours_b@127.0.0.1";
const counter = Counter.at(remote("counter", FAR));
const sinks = refTo<typeof Sinks>(remote("sinks", FAR));

const less = quick ? 0.2 : 1;
const times = (count: number): number => Math.round(count * less);

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
  const taken: number[] = [];
  for (let repetition = 0; repetition < 3; repetition++)
    taken.push(await isolated<M, number>(async (self) => seconds(await prepare(self))));
  const time = percentile(taken, 50);
  emit({ name, value: count / time, unit: "msgs/s", count, mb_s: (count * bytes) / time / 1e6 });
}

const small = tuple(atom("msg"), 42, atom("ok"));
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(200);

/** Resolves when the connection to that node, or else to any, is gone. */
function nodedown({ node }: Nodes, name = FAR): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = node.watchNodes((event) => {
    if (event.type !== "nodedown" || event.node !== name) return;
    end();
    resolve();
  });
  return promise;
}

/** Microseconds, each with a fresh connection. */
async function connectTimes(nodes: Nodes, rounds: number): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await nodes.node.connect(FAR);
    taken.push((performance.now() - start) * 1_000);
    const down = nodedown(nodes);
    nodes.node.disconnect(FAR);
    await down;
  }
  return taken;
}

/** Microseconds from `kill -9` of another node's process to the `nodedown` here. */
async function killTimes(nodes: Nodes, rounds: number): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const name: NodeName = `ours_k${round}@127.0.0.1`;
    const child = await nodes.start(name);
    await nodes.node.connect(name);
    const down = nodedown(nodes, name);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const start = performance.now();
    child.kill("SIGKILL");
    await down;
    taken.push((performance.now() - start) * 1_000);
  }
  return taken;
}

await runPrograms({
  dist: async () => {
    const nodes = await startNodes({ tls: false });
    await nodes.start(FAR);
    const connecting = await connectTimes(nodes, 41);
    emit({ name: "dist_connect_p50", value: percentile(connecting.slice(1), 50), unit: "us", count: 40 });
    await nodes.node.connect(FAR);
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
    await oneWay("dist_send_small", small, times(300_000), 16);
    await oneWay("dist_send_1kb", bytes(1_024), times(100_000), 1_024);
    await oneWay("dist_send_64kb", bytes(65_536), times(6_000), 65_536);
    await oneWay("dist_send_1mb", bytes(1_048_576), times(400), 1_048_576);
    const killing = await killTimes(nodes, 5);
    emit({
      name: "dist_nodedown_after_kill9",
      value: percentile(killing, 50),
      unit: "us",
      count: 5,
      max: Math.max(...killing),
    });
  },
  dist_tls: async () => {
    const nodes = await startNodes({ tls: true });
    await nodes.start(FAR);
    const connecting = await connectTimes(nodes, 21);
    emit({ name: "dist_tls_connect_p50", value: percentile(connecting.slice(1), 50), unit: "us", count: 20 });
    await nodes.node.connect(FAR);
    await oneWay("dist_tls_send_small", small, times(300_000), 16);
    await oneWay("dist_tls_send_1kb", bytes(1_024), times(100_000), 1_024);
    await oneWay("dist_tls_send_64kb", bytes(65_536), times(6_000), 65_536);
  },
});
