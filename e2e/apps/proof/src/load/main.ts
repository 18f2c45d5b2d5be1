/**
 * The load's program, in a pod: an open loop of clients that never retry. Ends with SIGUSR2, or after SECONDS, by waiting for
 * what is under way, and then prints `REPORT {…}`. A line a second says how far it is.
 *
 * | variable | |
 * |---|---|
 * | `TARGET` | `http://proof.here.svc.cluster.local` |
 * | `RATE` | requests a second in all, default 500 |
 * | `IDLERS` | clients that keep a connection idle for 1 to 60 s, default 60 |
 * | `WRITERS` | WebSockets, default 60; `WRITES` each a second, default 2 |
 * | `SECONDS` | default: until SIGUSR2 |
 */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Ask, HttpClient, watchedAgent } from "./http-client.ts";
import type { LoadReport } from "./report.ts";
import { Writer } from "./writer.ts";

const {
  IDLERS = "60",
  RATE = "500",
  RUN = "a",
  SECONDS,
  TARGET = "http://proof",
  WRITERS = "60",
  WRITES = "2",
} = process.env;

const MOST_LATE_MS = 1_000;
let lateMs = 0;

const ending = new AbortController();
process.once("SIGUSR2", () => ending.abort());
if (SECONDS !== undefined) setTimeout(() => ending.abort(), Number(SECONDS) * 1_000);

/** Resolves when the time is over, and at once when the load ends. */
const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal: ending.signal }).catch(() => undefined);

const client = await HttpClient.open(TARGET);
const kept = watchedAgent({ keepAlive: true });
const fresh = watchedAgent({ keepAlive: false });
const pending = new Set<Promise<void>>();

function ask(what: Ask): void {
  const asked = client.ask(what).finally(() => pending.delete(asked));
  pending.add(asked);
}

/**
 * An open loop: the next one goes out whether or not the last one has come back. What this program was too late for is made up
 * for, up to a second: more would be a load of its own.
 */
async function loop(perSecond: number, act: (turn: number) => void): Promise<void> {
  let dueMs = performance.now();
  for (let turn = 0; !ending.signal.aborted; turn++, dueMs += 1_000 / perSecond) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 1) await wait(waitMs);
    if (waitMs < -MOST_LATE_MS) {
      dueMs -= waitMs;
      lateMs = Math.max(lateMs, -waitMs);
    }
    if (!ending.signal.aborted) act(turn);
  }
}

const text = "what was sent is what arrives";
const sha256 = (whole: string): string => createHash("sha256").update(whole).digest("hex");
const small = { body: { chunks: [text], pauseMs: 0 }, expect: whole(text) };
const chunks = Array.from({ length: 5 }, (_, index) => `${index}`.repeat(2_000));
const upload = { body: { chunks, pauseMs: 80 }, expect: whole(chunks.join("")) };

function whole(sent: string): (answer: Readonly<Record<string, unknown>>) => boolean {
  const hash = sha256(sent);
  return (answer) => answer["sha256"] === hash;
}

/** Half of all are POSTs. */
const halfPost = (turn: number): Pick<Ask, "body" | "expect"> => (turn % 2 === 0 ? {} : small);

/** Keeps one connection, idle for 1 to 60 s between two requests. */
async function idler(index: number): Promise<void> {
  const agent = watchedAgent({ keepAlive: true, maxSockets: 1 });
  await wait((index * 997) % 10_000);
  for (let turn = index; !ending.signal.aborted; turn++) {
    await client.ask({ kind: "idle", path: "/hello", agent, ...halfPost(turn) });
    await wait(1_000 + ((turn * 7_919 + index * 104_729) % 59_000));
  }
  agent.destroy();
}

const rate = Number(RATE);
const slowRate = rate * 0.04;
const loops: Promise<void>[] = [];
const from = Date.now();
if (rate > 0)
  loops.push(
    loop(rate * 0.52, (turn) => ask({ kind: "busy", path: "/hello", agent: kept, ...halfPost(turn) })),
    loop(rate * 0.4, (turn) => ask({ kind: "new connection", path: "/hello", agent: fresh, ...halfPost(turn) })),
    loop(slowRate, (turn) =>
      ask({ kind: "slow", path: "/slow?ms=1500", agent: kept, ...(turn % 2 === 0 ? {} : { body: small.body }) }),
    ),
    loop(rate * 0.04, () => ask({ kind: "upload", path: "/hello", agent: kept, ...upload })),
  );
for (let index = 0; index < Number(IDLERS); index++) loops.push(idler(index));
const writers = Array.from({ length: Number(WRITERS) }, (_, index) => new Writer(client.host, `${RUN}-${index}`));
if (writers.length > 0)
  loops.push(loop(Number(WRITES) * writers.length, (turn) => writers[turn % writers.length]?.write()));

const progress = setInterval(() => {
  const connected = writers.filter(({ isConnected }) => isConnected).length;
  const unconfirmed = writers.reduce((sum, writer) => sum + writer.unconfirmed, 0);
  console.log(
    `${Math.round((Date.now() - from) / 1_000)} s: ${client.sent} sent, ${client.failed} failed, ${pending.size} under way, ` +
      `${connected} of ${writers.length} WebSockets open, ${unconfirmed} unconfirmed`,
  );
}, 1_000);

await Promise.all(loops);
const to = Date.now();
await Promise.all(pending);
const patientUntil = performance.now() + 25_000;
while (writers.some(({ unconfirmed }) => unconfirmed > 0) && performance.now() < patientUntil) await delay(50);
clearInterval(progress);

/** What is in a journal at the end; this is the judge who asks, not the load: it may ask again. */
async function journal(key: string): Promise<readonly number[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(`http://${client.host}/journal/${key}`);
      if (!answer.ok) throw new Error(`HTTP ${answer.status} for journal ${key}`);
      return ((await answer.json()) as { readonly entries: readonly number[] }).entries;
    } catch (error) {
      if (attempt === 5) throw error;
      await delay(500);
    }
  }
}

const written = [];
for (const writer of writers) written.push(writer.judged(await journal(writer.key)));
for (const writer of writers) writer.end();
const report: LoadReport = {
  from,
  to,
  requestsPerSecond: Math.round(client.sent / ((to - from) / 1_000)),
  lateMs: Math.round(lateMs),
  requests: client.answers(),
  failures: client.failures,
  landings: writers.flatMap(({ landings }) => landings),
  written,
};
process.stdout.write(`REPORT ${JSON.stringify(report)}\n`, () => process.exit(0));
