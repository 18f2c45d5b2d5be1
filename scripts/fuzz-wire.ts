/**
 * `npm run fuzz [-- --count N] [--seed S]` (default 10 million): mutated terms and mutated frames of the distribution,
 * and fails unless each is read or refused by a WireError, and the heap stays flat. What is read is written again now
 * and then, which may be refused but not break either.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import {
  atom,
  BitString,
  Connection,
  type ControlMessage,
  decode,
  ErlangPid,
  ErlangReference,
  encode,
  HIDDEN_NODE_FLAGS,
  ImproperList,
  Port,
  tuple,
  WireError,
} from "@interlock/wire";

const { values: given } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" } } });
const wanted = Number(given.count ?? 10_000_000);
assert(Number.isInteger(wanted) && wanted > 0, "--count takes a whole number above 0");
const seed = Number(given.seed ?? Date.now() % 2 ** 31);

/** Half a byte for each input of a full run. */
const toleranceBytes = 5 * 1024 * 1024;
const checkpoints: readonly number[] = [0.2, 0.6, 1];

let state = (seed | 0) === 0 ? 1 : seed | 0;
/** Below `most`; xorshift, so that a seed gives the run again. */
function below(most: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % most;
}

const node = atom("fuzz@127.0.0.1");
const pid = new ErlangPid(node, 101, 0, 7);
const reference = new ErlangReference(node, [1, 2, 3], 7);

const terms: readonly unknown[] = [
  tuple(atom("$gen_call"), tuple(pid, new ImproperList([atom("alias")], reference)), tuple(atom("get"), 17)),
  { name: "ann", balance: 12.5, tags: ["a", "b"], more: { nothing: null, missing: undefined, yes: true } },
  new Map<unknown, unknown>([
    [atom("key"), 1],
    [2, "two"],
    [tuple(1), -1],
  ]),
  [1, 300, 2 ** 40, -(2 ** 52), 10n ** 40n, -(1n << 2_100n), 1.5, -0],
  [1, 2, 3, 255],
  [Uint8Array.of(1, 255), new BitString(Uint8Array.of(1, 0xe0), 3), "añb🙂", "x".repeat(100)],
  [new Port(node, 5n, 6), new Port(node, 1n << 40n, 6), pid, reference, [], tuple(), {}],
  Array.from({ length: 60 }, (_, at) => ({ at })),
  nested(200),
];

const markedTerms: readonly unknown[] = [
  [Number.NaN, Number.NEGATIVE_INFINITY, 5n, new Date(5), new Set([1, "x"]), /a+/gi, new Map([["a", 1]])],
  Object.assign(new TypeError("no", { cause: new AggregateError([new Error("in")], "all") }), { code: "E" }),
  [Uint8Array.of(65), Float64Array.of(1), new DataView(new ArrayBuffer(3)), new ArrayBuffer(4), BigInt64Array.of(1n)],
  tuple(atom("$interlock"), tuple(atom("$interlock"))),
];

/** Forms that are never written here, but may come. */
const foreign: readonly string[] = [
  "8363312e3530303030303030303030303030303030303030652b303000000000", // FLOAT_EXT
  "83640002c3a9", // ATOM_EXT
  "837302c3a9", // SMALL_ATOM_EXT
  "836764000161000000010000000201", // PID_EXT
  "83650000016100000001ff", // REFERENCE_EXT, broken
  "8372000377016101000000010000000200000003", // NEW_REFERENCE_EXT
  "83667701610000000101", // PORT_EXT
  "8371770161770162610a", // EXPORT_EXT
  "837000000042010102030405060708090a0b0c0d0e0f10000000010000000177016d610162000000055877016100000001000000000000000161015201", // NEW_FUN_EXT
  "8350000000037801ab000000", // COMPRESSED, broken
  "8350000000c8789cabae1d05a360140c0500a5c40e11", // COMPRESSED
  "83790000000000000000", // LOCAL_EXT
];

const controls: readonly (readonly [ControlMessage, unknown?])[] = [
  [{ type: "SEND_SENDER", from: pid, to: pid }, terms[0]],
  [{ type: "SEND_SENDER", from: pid, to: pid }, terms[1]],
  [{ type: "LINK", from: pid, to: pid }],
  [{ type: "SEND_SENDER", from: pid, to: pid }, new Uint8Array(200_000)],
];

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : tuple(value);
  return value;
}

const marks = { marks: true } as const;
const termBytes: readonly Uint8Array[] = [
  ...terms.map((term) => encode(term)),
  ...markedTerms.map((term) => encode(term, marks)),
  ...foreign.map((hex) => Buffer.from(hex, "hex")),
];
const flags = HIDDEN_NODE_FLAGS;
const frameBytes: readonly Uint8Array[] = controls.map(([control, payload]) =>
  Buffer.concat(new Connection({ flags }).send(control, payload)),
);

/** One to four changes: a byte, a length, a cut, a part of another input. */
function mutated(corpus: readonly Uint8Array[]): Uint8Array {
  let bytes = Uint8Array.from(corpus[below(corpus.length)] as Uint8Array);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    switch (below(8)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1: {
        const other = corpus[below(corpus.length)] as Uint8Array;
        const from = below(other.length);
        bytes = Uint8Array.from(
          Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + below(40)), bytes.subarray(at)]),
        );
        break;
      }
      case 2:
        bytes.fill(below(2) * 255, at, at + 1 + below(4));
        break;
      default:
        if (at < bytes.length) bytes[at] = below(256);
    }
  }
  return bytes;
}

let failed = 0;
let read = 0;

/** Runs the reader; false when anything but a WireError came out. */
function survives(kind: string, bytes: Uint8Array, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return;
    failed++;
    if (failed > 10) return;
    console.error(`${kind} ${Buffer.from(bytes.subarray(0, 500)).toString("hex")}\n`, error);
  }
}

const options = [{ profile: "natural" }, { profile: "exact" }, { profile: "natural", marks: true }] as const;
let connection: Connection | undefined;
let round = 0;

function oneTerm(): void {
  const bytes = mutated(termBytes);
  const as = options[round % options.length] as (typeof options)[number];
  survives(as.profile, bytes, () => {
    const value = decode(bytes, as);
    read++;
    if (round % 16 === 0) encode(value, as);
  });
}

function oneFrame(): void {
  const bytes = mutated(frameBytes);
  survives("frame", bytes, () => {
    const to = connection ?? new Connection({ flags });
    // What it throws ends a connection; one that waits for the rest of a frame reads the next input as that.
    connection = undefined;
    to.receive(bytes, (_control, payload) => {
      payload(round % 2 === 0 ? "natural" : "exact");
      read++;
    });
    connection = round % 64 === 0 ? undefined : to;
  });
}

async function heapAfterGc(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

assert(globalThis.gc !== undefined, "the heap is measured under node --expose-gc");
const heaps: number[] = [];
const start = performance.now();
console.log(`seed ${seed}`);
for (const checkpoint of checkpoints) {
  for (const until = Math.round(wanted * checkpoint); round < until; round++) {
    if (round % 4 === 3) oneFrame();
    else oneTerm();
    // Atoms that nobody holds are let go between turns.
    if (round % 20_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  connection = undefined;
  heaps.push(await heapAfterGc());
  console.log(`${round} inputs, ${read} terms read, heap ${((heaps.at(-1) as number) / 1e6).toFixed(1)} MB`);
}
const [first = 0] = heaps;
const grown = Math.max(...heaps) - first;
if (grown > toleranceBytes) {
  failed++;
  console.error(`the heap grew by ${(grown / 1e6).toFixed(1)} MB`);
}
console.log(`${((performance.now() - start) / 1_000).toFixed(0)} s`);
console.log(`${wanted - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
