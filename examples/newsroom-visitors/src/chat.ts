/**
 * The chat's visitors, in a pod: USERS of them (default 20), each says a line every PAUSE_MS (2 000) to the others of the newsroom
 * at TARGET, and takes its connection for dead after SILENT_MS without a word (default: it is believed). Ends with SIGUSR2 and
 * prints `REPORT {…}`: what each has heard of all that was said.
 */
import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ChatReport, Heard } from "./chat-report.ts";
import { Visitor } from "./visitor.ts";

const { PAUSE_MS = "2000", SILENT_MS, TARGET = "http://newsroom", USERS = "20" } = process.env;
const silence = SILENT_MS === undefined ? {} : { silentMs: Number(SILENT_MS) };
const PATIENCE_MS = 20_000;

const ending = new AbortController();
process.once("SIGUSR2", () => ending.abort());

const url = `ws://${(await lookup(new URL(TARGET).hostname, { family: 4 })).address}/chat`;
const visitors = Array.from(
  { length: Number(USERS) },
  (_, index) => new Visitor({ name: `Visitor ${index + 1}`, url, ...silence }),
);
const spoken: string[] = [];

const progress = setInterval(() => {
  console.log(
    `${visitors.filter(({ isIn }) => isIn).length} of ${visitors.length} are in, ${spoken.length} lines said`,
  );
}, 1_000);

while (!ending.signal.aborted && !visitors.every(({ isIn }) => isIn)) await delay(50);
const from = Date.now();
for (let turn = 0; !ending.signal.aborted; turn++) {
  const line = `line ${turn}`;
  spoken.push(line);
  visitors[turn % visitors.length]?.say(line);
  await delay(Number(PAUSE_MS) / visitors.length, undefined, { signal: ending.signal }).catch(() => undefined);
}
const to = Date.now();
const untilMs = performance.now() + PATIENCE_MS;
const lacking = (): boolean => visitors.some((one) => one.unheard > 0 || judged(one).lost.length > 0);
while (lacking() && performance.now() < untilMs) await delay(100);
clearInterval(progress);
const report: ChatReport = { from, to, spoken: spoken.length, heard: visitors.map(judged) };
for (const one of visitors) one.leave();
process.stdout.write(`REPORT ${JSON.stringify(report)}\n`, () => process.exit(0));

function judged({ contradictions, gaps, heard, name, outOfOrder, place, unheard }: Visitor): Heard {
  return {
    name,
    lost: spoken.filter((line) => !heard.has(line)),
    doubled: [...heard].filter(([, numbers]) => numbers.size > 1).map(([line]) => line),
    contradictions,
    outOfOrder,
    unheard,
    place,
    gapsMs: gaps.map(({ from, to = performance.now() }) => Math.round(to - from)),
  };
}
