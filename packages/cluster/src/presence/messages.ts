/** What the processes of a presence tell each other, and what of that a node takes for true. */
import type { Pid } from "@interlock/core";
import { LocalPid, Reference } from "@interlock/core/distribution";
import { atom, ErlangPid, ErlangReference, type Identities, TermWriter } from "@interlock/wire";
import type { Delta, Replica } from "./delta.ts";
import type { Entry } from "./topics.ts";

type ToldJoin = readonly [clock: number, topic: string, key: string, meta: unknown];

interface ToldDelta {
  readonly after: number;
  readonly upTo: number;
  readonly joins: readonly ToldJoin[];
  readonly leaves: readonly number[];
}

interface Told {
  readonly from: Pid<PresenceMessage>;
  readonly replica: Replica;
}

export type PresenceMessage =
  /** Over the PubSub, every `heartbeatMs` and whenever somebody may not have heard it. */
  | (Told & { readonly type: "presence_clock"; readonly clock: number })
  /** Over the PubSub. */
  | (Told & ToldDelta & { readonly type: "presence_delta" })
  | (Told & { readonly type: "presence_gone"; readonly clock: number })
  /** From process to process. `replica` and `clock` are the asking one's. */
  | (Told & { readonly type: "presence_ask"; readonly clock: number; readonly ref: number; readonly have: number })
  | (Told & ToldDelta & { readonly type: "presence_answer"; readonly ref: number; readonly last: boolean });

export type Received =
  | { readonly type: "clock" | "gone"; readonly from: LocalPid; readonly replica: Replica; readonly clock: number }
  | { readonly type: "delta"; readonly from: LocalPid; readonly replica: Replica; readonly delta: Delta<Entry> }
  | {
      readonly type: "ask";
      readonly from: LocalPid;
      readonly replica: Replica;
      readonly clock: number;
      readonly ref: number;
      readonly have: number;
    }
  | {
      readonly type: "answer";
      readonly from: LocalPid;
      readonly replica: Replica;
      readonly ref: number;
      readonly last: boolean;
      readonly delta: Delta<Entry>;
    };

export function toldDelta({ joins, ...rest }: Delta<Entry>): ToldDelta {
  return { ...rest, joins: joins.map(([clock, { key, meta, topic }]) => [clock, topic, key, meta]) };
}

/** Undefined for whatever is none of these messages. */
export function received(message: unknown): Received | undefined {
  const fields = (message ?? {}) as { readonly [field: string]: unknown };
  const { clock, from, have, last, ref, replica, type } = fields;
  if (!(from instanceof LocalPid) || typeof replica !== "string") return undefined;
  const told = { from: from as LocalPid, replica };
  switch (type) {
    case "presence_clock":
      return isCount(clock) ? { type: "clock", ...told, clock } : undefined;
    case "presence_gone":
      return isCount(clock) ? { type: "gone", ...told, clock } : undefined;
    case "presence_ask":
      return isCount(clock) && isCount(ref) && isCount(have) ? { type: "ask", ...told, clock, ref, have } : undefined;
    case "presence_delta": {
      const delta = deltaOf(fields);
      return delta && { type: "delta", ...told, delta };
    }
    case "presence_answer": {
      const delta = deltaOf(fields);
      return delta && isCount(ref) && typeof last === "boolean"
        ? { type: "answer", ...told, ref, last, delta }
        : undefined;
    }
    default:
      return undefined;
  }
}

function deltaOf({ after, joins, leaves, upTo }: { readonly [field: string]: unknown }): Delta<Entry> | undefined {
  if (!isCount(after) || !isCount(upTo) || after > upTo) return undefined;
  if (!Array.isArray(leaves) || !leaves.every(isCount)) return undefined;
  if (!Array.isArray(joins) || !joins.every(isJoin)) return undefined;
  // A clock beyond what the delta is about would never be heard of again.
  if (joins.some(([clock]) => clock <= after || clock > upTo)) return undefined;
  return { after, upTo, leaves, joins: joins.map(([clock, topic, key, meta]) => [clock, { topic, key, meta }]) };
}

function isJoin(value: unknown): value is ToldJoin {
  if (!Array.isArray(value)) return false;
  const [clock, topic, key] = value as unknown[];
  return isCount(clock) && typeof topic === "string" && typeof key === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** One that nobody uses right now: a getter in a meta may itself track something. */
let idleWriter: TermWriter | undefined;

/**
 * About how many bytes an entry takes in a message.
 *
 * **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT` for a meta that other nodes cannot be sent.
 */
export function sizeOf({ key, meta, topic }: Entry): number {
  const writer = idleWriter ?? new TermWriter({ profile: "natural", marks: true, identities });
  idleWriter = undefined;
  try {
    writer.term(meta);
    return topic.length + key.length + writer.length;
  } finally {
    writer.reset();
    idleWriter = writer;
  }
}

/** Identifiers take their room; whose they are does not matter here. */
const node = atom("nonode@nohost");
const identities: Identities = {
  parts(value) {
    if (value instanceof LocalPid) return new ErlangPid(node, value.id, 0, 0);
    return value instanceof Reference ? new ErlangReference(node, [0, 0, 0], 0) : undefined;
  },
  pid: () => ({}),
  reference: () => ({}),
};
