/**
 * `npm run bench [-- --json FILE] [--quick] [--only NAME,...] [--rounds N] [--no-beam] [--no-peers]`: ours, the Erlang VM and
 * the Node.js peers in one run. See README.md for how to read what it prints.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bench, type Settings } from "./bench.ts";
import { formatTable, isMet, toJson } from "./report.ts";

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    "no-beam": { type: "boolean", default: false },
    "no-peers": { type: "boolean", default: false },
  },
});

const settings: Settings = {
  quick: values.quick,
  only: values.only?.split(","),
  rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
  beam: !values["no-beam"],
  peers: !values["no-peers"],
};
if (!Number.isInteger(settings.rounds) || settings.rounds < 1)
  throw new Error("--rounds takes a whole number, 1 or more");

const { results, notes, broken } = await bench(settings, (line) => console.error(line));

console.log(`\n${formatTable(results)}\n`);
for (const note of notes) console.log(note);
const missed = results.filter((result) => isMet(result) === false);
const met = results.filter((result) => isMet(result) === true);
console.log(
  `${met.length} of ${met.length + missed.length} rows met${missed.length === 0 ? "" : `; missed: ${missed.map(({ name }) => name).join(", ")}`}`,
);
if (values.json !== undefined) writeFileSync(values.json, toJson(results));
// A missed goal is a figure and no failure; a program of ours that does not run is one.
process.exitCode = broken ? 1 : 0;
