/**
 * What a visitor has said and the room has not confirmed: said in order, one at a time, and again when the room had to move
 * or be opened anew. A value; whoever carries it out is the visitor's process.
 */
import type { Words } from "./room.ts";

export interface Outbox {
  readonly waiting: readonly Words[];
  /** Whether the first of them is on its way. */
  readonly posting: boolean;
}

export const emptyOutbox: Outbox = { waiting: [], posting: false };
/** Who says more than that while a room moves is told to wait. */
const most = 64;

/** Undefined: it is full. */
export function put({ posting, waiting }: Outbox, words: Words): Outbox | undefined {
  return waiting.length >= most ? undefined : { waiting: [...waiting, words], posting };
}

/** The next words to be said, unless some are on their way. */
export function next(outbox: Outbox): { readonly outbox: Outbox; readonly words: Words | undefined } {
  const [words] = outbox.waiting;
  if (outbox.posting || words === undefined) return { outbox, words: undefined };
  return { outbox: { ...outbox, posting: true }, words };
}

/** The room has said the first of them. */
export function said({ waiting }: Outbox): Outbox {
  return { waiting: waiting.slice(1), posting: false };
}

/** The room did not answer: they are said again. */
export function unsaid({ waiting }: Outbox): Outbox {
  return { waiting, posting: false };
}
