/** What nobody can guess, from where all else that is secret here comes from. */
import { nodePorts } from "@interlock/cluster";

const WORD_BYTES = 4;

/** `bytes`: a multiple of 4. */
export function randomHex(bytes: number): string {
  const words = Array.from({ length: bytes / WORD_BYTES }, () => nodePorts.challenge());
  return words.map((word) => word.toString(16).padStart(2 * WORD_BYTES, "0")).join("");
}
