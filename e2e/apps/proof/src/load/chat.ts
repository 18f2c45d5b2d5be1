/**
 * The chat's visitors, in a pod: USERS of them (default 20), each says a line every two seconds to the others of the newsroom at
 * TARGET. Ends with SIGUSR2 and prints `REPORT {…}`: what each has heard of all that was said.
 */
import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ChatReport } from "./report.ts";
import { Talker } from "./talker.ts";

const { TARGET = "http://newsroom", USERS = "20" } = process.env;
const PAUSE_MS = 2_000;
const PATIENCE_MS = 20_000;

const ending = new AbortController();
process.once("SIGUSR2", () => ending.abort());

const host = `${(await lookup(new URL(TARGET).hostname, { family: 4 })).address}:80`;
const talkers = Array.from({ length: Number(USERS) }, (_, index) => new Talker(host, `Visitor ${index + 1}`));
const spoken: string[] = [];

const progress = setInterval(() => {
  console.log(`${talkers.filter(({ isIn }) => isIn).length} of ${talkers.length} are in, ${spoken.length} lines said`);
}, 1_000);

while (!ending.signal.aborted && !talkers.every(({ isIn }) => isIn)) await delay(50);
const from = Date.now();
for (let turn = 0; !ending.signal.aborted; turn++) {
  const text = `line ${turn}`;
  spoken.push(text);
  talkers[turn % talkers.length]?.say(text);
  await delay(PAUSE_MS / talkers.length, undefined, { signal: ending.signal }).catch(() => undefined);
}
const to = Date.now();
const untilMs = performance.now() + PATIENCE_MS;
const lacking = (): boolean => talkers.some((one) => one.unsaid > 0 || one.judged(spoken).lost.length > 0);
while (lacking() && performance.now() < untilMs) await delay(100);
clearInterval(progress);
const report: ChatReport = { from, to, spoken: spoken.length, heard: talkers.map((one) => one.judged(spoken)) };
for (const one of talkers) one.end();
process.stdout.write(`REPORT ${JSON.stringify(report)}\n`, () => process.exit(0));
