/**
 * Short ASCII strings that were written before, as words of 32 bits that are their BINARY_EXT: the keys of objects and
 * the few values that come again and again are written in the time of three or four characters. Direct-mapped and of a
 * fixed size. A string gets its words when it is met a second time in a row, so one that is new each time costs no more
 * than the look. Hot file: `bench` row etf_encode_map20.
 */

const SLOTS = 1_024;

/** Shorter strings are spelled out as fast as they are found. */
const LEAST = 3;
const MOST = 48;

export class TextCache {
  readonly #texts: string[] = new Array<string>(SLOTS).fill("");
  readonly #words: (readonly number[] | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  find(text: string): readonly number[] | undefined {
    const { length } = text;
    if (length < LEAST || length > MOST) return undefined;
    const slot = slotOf(text, length);
    if (this.#texts[slot] === text) {
      this.#words[slot] ??= externalWords(text);
      return this.#words[slot];
    }
    this.#texts[slot] = text;
    this.#words[slot] = undefined;
    return undefined;
  }
}

function slotOf(text: string, length: number): number {
  const ends = (text.charCodeAt(length - 1) << 5) ^ (text.charCodeAt(length - 2) << 2);
  return (ends ^ text.charCodeAt(0) ^ (text.charCodeAt(length >> 1) << 3) ^ (length << 6)) & (SLOTS - 1);
}

/** None for a string that is not ASCII: the writer spells it out. */
function externalWords(text: string): readonly number[] | undefined {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length !== text.length) return undefined;
  const external = Buffer.concat([Buffer.of(109, 0, 0, 0, bytes.length), bytes, Buffer.alloc(3)]);
  return Array.from({ length: Math.ceil((bytes.length + 5) / 4) }, (_, word) => external.readInt32BE(word * 4));
}
