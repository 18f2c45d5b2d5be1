/**
 * What every Node.js peer is asked to do. Each peer implements these in the fastest way its own documentation shows, and this file
 * times them; so a row compares libraries and not harnesses. Calls are made without a time limit where the peer has none.
 */

import { emit, emitRate, heapAfterGc, quick, repetitions, rssAfterGc, seconds } from "../figure.ts";

export interface Peer {
  readonly name: string;
  /** How many actors stand for "many": fewer where the peer is slow. */
  readonly population: number;
  /** Sends `count` one-way messages to one counting actor and waits until it has handled them, at most `burst` in its mailbox. */
  casts(count: number, burst: number): Promise<void>;
  /** `count` calls, each after the answer to the one before. */
  calls(count: number): Promise<void>;
  /** `count` calls by `callers` concurrent callers to one actor. */
  concurrentCalls(count: number, callers: number): Promise<void>;
  /** Starts `count` actors that idle; they live as long as what is given back. */
  start(count: number): Promise<readonly unknown[]>;
}

/** A slow peer makes fewer operations, so that a repetition takes no longer than this. */
const longestSeconds = 2;

export async function measurePeer(peer: Peer): Promise<never> {
  const part = process.argv[2];
  if (part !== "memory") await measureSpeed(peer);
  if (part !== "speed") await measureMemory(peer);
  process.exit(0);
}

async function measureSpeed(peer: Peer): Promise<void> {
  const scale = quick ? 0.2 : 1;
  await measure("cast", 1_000_000 * scale, (count) => peer.casts(count, 1_000));
  await measure("call_seq", 300_000 * scale, (count) => peer.calls(count));
  await measure("call_100", 300_000 * scale, (count) => peer.concurrentCalls(count, 100));
  const started: unknown[] = [];
  await measure("start", Math.min(10_000, peer.population), async (count) => {
    started.push(await peer.start(count));
  });

  async function measure(what: string, wanted: number, run: (count: number) => Promise<void>): Promise<void> {
    const trial = wanted / 100;
    const expected = (await seconds(() => run(trial))) * 100;
    const count = expected > longestSeconds ? Math.ceil((wanted * longestSeconds) / expected / 100) * 100 : wanted;
    emitRate(`${peer.name}.${what}`, count, await times(() => run(count)));
  }
}

async function measureMemory(peer: Peer): Promise<void> {
  const heap = await heapAfterGc();
  const rss = await rssAfterGc();
  const actors = await peer.start(peer.population);
  const value = ((await heapAfterGc()) - heap) / peer.population;
  emit({
    name: `${peer.name}.bytes`,
    value,
    unit: "bytes",
    count: actors.length,
    rss: ((await rssAfterGc()) - rss) / peer.population,
  });
}

async function times(run: () => Promise<void>): Promise<readonly number[]> {
  const list: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) list.push(await seconds(run));
  return list;
}
