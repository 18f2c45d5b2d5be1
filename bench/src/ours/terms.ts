/**
 * etf of `bb_local.erl`: the same terms, encoded to fresh bytes and decoded to fresh values.
 *
 * One row is written as a connection writes: into the memory of its one writer, again and again. There `term_to_binary`
 * gets the memory that its last result has just left, still in the cache; new memory in JavaScript is cold, and 10 KB of
 * it cost several times their copying. `etf_encode_binary10k_fresh` is the same with `encode`, and no row.
 */

import { atom, decode, ErlangPid, ErlangReference, encode, TermWriter, tuple } from "@interlock/wire";
import { emitRate, repetitions, runPrograms, seconds } from "../figure.ts";

/** The value of `val/1` there. */
function valueAt(index: number): unknown {
  return [index, index * 1.5, "some text value", true][index % 4];
}

const node = atom("nonode@nohost");
const caller = new ErlangPid(node, 9, 0, 0);
const reference = new ErlangReference(node, [196_614, 3_219_390_465, 1_205_936_112], 0);

const terms: readonly (readonly [name: string, term: unknown, count: number])[] = [
  ["tuple_small", tuple(atom("msg"), 42, atom("ok")), 500_000],
  ["gen_call", tuple(atom("$gen_call"), tuple(caller, reference), tuple(atom("get"), 17)), 300_000],
  ["map20", new Map(Array.from({ length: 20 }, (_, at) => [atom(`key_${at + 1}`), valueAt(at + 1)])), 50_000],
  ["binary10k", crypto.getRandomValues(new Uint8Array(10_240)), 300_000],
  ["list1000ints", Array.from({ length: 1_000 }, (_, at) => (at + 1) * 1_000), 10_000],
];

const writer = new TermWriter({ profile: "natural" });

function rewritten(term: unknown): Uint8Array {
  writer.reset();
  writer.byte(131);
  writer.term(term);
  return writer.bytes;
}

/** What was made last, so that nothing is made in vain. */
let last: unknown;

async function rate(name: string, count: number, run: () => unknown): Promise<void> {
  const times: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    times.push(
      await seconds(() => {
        for (let turn = 0; turn < count; turn++) last = run();
      }),
    );
  }
  emitRate(name, count, times);
}

await runPrograms({
  etf: async () => {
    for (const [name, term, count] of terms) {
      const bytes = encode(term);
      if (name === "binary10k") {
        await rate("etf_encode_binary10k", count, () => rewritten(term));
        await rate("etf_encode_binary10k_fresh", count, () => encode(term));
      } else await rate(`etf_encode_${name}`, count, () => encode(term));
      await rate(`etf_decode_${name}`, count, () => decode(bytes));
    }
    if (last === undefined) throw new Error("nothing was decoded");
  },
});
