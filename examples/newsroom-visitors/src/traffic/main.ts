/** Loads the service at TARGET until it gets SIGUSR2, and prints what became of it: a line that begins with REPORT. */
import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Visitor } from "../visitor.ts";
import { Requests } from "./http.ts";
import type { LoadLog, NewcomerRecord, TickerRecord } from "./log.ts";
import { enter } from "./newcomer.ts";

const USERS = 8;
const SAY_MS = 500;
const NEWCOMER_MS = 1_000;
const TICKER_MS = 1_000;
/** Somebody talks twice a second, so this is no pause in the conversation. */
const SILENT_MS = 3_000;
/** For what was said last to be heard by everybody. They go on talking, as silence is taken for a line that is cut. */
const SETTLE_MS = 4_000;

const target = new URL(process.env["TARGET"] ?? "http://127.0.0.1:8080");
const over = new AbortController();
process.once("SIGUSR2", () => over.abort());
const { address } = await lookup(target.hostname, { family: 4 });
const chat = `ws://${address}:${target.port || 80}/chat`;

let startedAt = Date.now();
const now = (): number => Date.now() - startedAt;
const users = Array.from(
  { length: USERS },
  (_, index) => new Visitor({ name: `Talker ${index}`, url: chat, silentMs: SILENT_MS, now }),
);
for (const endAt = now() + 15_000; users.some(({ isIn }) => !isIn) && now() < endAt; ) await delay(50);
startedAt = Date.now();
process.stdout.write("LOADING\n");
let tookMs = 0;
over.signal.addEventListener("abort", () => {
  tookMs = now();
});

async function talk(): Promise<void> {
  let endAt = Number.POSITIVE_INFINITY;
  over.signal.addEventListener("abort", () => {
    endAt = now() + SETTLE_MS;
  });
  for (let turn = 0; now() < endAt; turn++) {
    users[turn % users.length]?.say();
    await delay(Math.max(0, (turn + 1) * SAY_MS - now()));
  }
}

async function visit(): Promise<readonly NewcomerRecord[]> {
  const entered: Promise<NewcomerRecord>[] = [];
  for (let turn = 0; !over.signal.aborted; turn++) {
    entered.push(enter(chat, now));
    await delay(Math.max(0, (turn + 1) * NEWCOMER_MS - now()));
  }
  return await Promise.all(entered);
}

async function readTicker(): Promise<readonly TickerRecord[]> {
  const read: Promise<TickerRecord>[] = [];
  for (let turn = 0; !over.signal.aborted; turn++) {
    const at = now();
    read.push(
      fetch(`http://${address}:${target.port || 80}/api/ticker`, {
        signal: AbortSignal.timeout(5_000),
        headers: { connection: "close" },
      })
        .then(async (response) => ({ at, isLive: ((await response.json()) as { state: string }).state === "live" }))
        .catch(() => ({ at, isLive: false })),
    );
    await delay(Math.max(0, (turn + 1) * TICKER_MS - now()));
  }
  return await Promise.all(read);
}

const requests = new Requests(target, address, now);
const [newcomers, ticker] = await Promise.all([visit(), readTicker(), requests.run(over.signal), talk()]);
for (const user of users) user.leave();
const log: LoadLog = {
  startedAt,
  tookMs,
  requests: requests.records,
  spoken: users.flatMap(({ spoken }) => spoken),
  users: users.map(({ gaps, heard }) => ({
    gaps,
    heard: Object.fromEntries([...heard].map(([id, numbers]) => [id, [...numbers]])),
  })),
  newcomers,
  ticker,
};
process.stdout.write(`REPORT ${JSON.stringify(log)}\n`, () => process.exit(0));
