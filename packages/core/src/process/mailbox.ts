/**
 * What lies in a mailbox. Envelopes form a singly linked list whose head and tail are fields of the process, so an idle
 * process owns no mailbox object at all. Hot file: `bench` rows gen_server_cast, ring_1000_hop, send_recv.
 */

/** Kinds of envelopes. The first three are the user's and count against a mailbox bound; signals never do. */
export const MESSAGE = 0;
export const CAST = 1;
export const CALL = 2;
export const SIGNAL = 3;
export const SYSTEM = 4;
/** A call that is handled without passing through the mailbox. */
export const INLINE_CALL = 5;

export class Envelope {
  next: Envelope | undefined = undefined;
  readonly kind: number;
  /** The message itself; for a cast or a call the name of its handler; for a system request its function. */
  readonly payload: unknown;
  /** Arguments of a cast or a call. */
  readonly args: readonly unknown[] | undefined;

  constructor(kind: number, payload: unknown, args: readonly unknown[] | undefined) {
    this.kind = kind;
    this.payload = payload;
    this.args = args;
  }
}

/** What happens to a user's message that meets a full mailbox. */
export type Overflow = "reject" | "drop_oldest" | "exit";

export interface MailboxOptions {
  readonly capacity: number;
  readonly overflow: Overflow;
}

/** The state of a bounded mailbox. */
export interface Bound extends MailboxOptions {
  /** User messages waiting. */
  waiting: number;
  /** User messages refused or thrown away so far. */
  dropped: number;
  /** Senders that wait for room, oldest first. */
  readonly senders: (() => void)[];
}

/**
 * A sender that has outrun a behaviour by so many messages lends it its turn, as the Erlang VM takes a sender off its
 * scheduler: a backlog that grows without bound is promoted by the garbage collector and makes everything slow.
 */
export const LEND_AT = 1_024;

/** Crossing this raises `interlock:mailbox.long`, once per episode: until the mailbox was below half of it. */
export const LONG_MAILBOX = 10_000;
