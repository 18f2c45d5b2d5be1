/** What the hosts of one placement say to each other. `P` is a pid: of a host, or of a placed process. */
import { isPid, type NodeName } from "@interlock/core";

/** A node that takes part, as it says of itself. */
export interface HostInfo {
  readonly node: NodeName;
  /** Whether processes may be placed there; else it only uses them. */
  readonly hosts: boolean;
  /** It gives its keys away and takes none. */
  readonly leaving: boolean;
  /** All have answered it: it starts keys, and takes them. */
  readonly ready: boolean;
  /** Of its module. */
  readonly version: string;
}

/** Nothing is sent to a process that is about to move. */
export interface Frozen<P> {
  readonly attempt: number;
  /** Who speaks for the key should its holder die now; undefined: nobody any more. */
  readonly heir: P | undefined;
}

/** What the holder of a key says of it. */
export interface Claim<P> {
  readonly key: string;
  /** Grows with each change of the key's place, over all hosts: of two claims the higher one counts. */
  readonly epoch: number;
  /** The epoch in which its process started afresh: what moves stays the same in the eyes of its callers. */
  readonly since: number;
  /** The host that started it afresh. */
  readonly origin: P;
  /** Undefined while it starts. */
  readonly pid: P | undefined;
  readonly frozen: Frozen<P> | undefined;
}

/** A hand-off that this host has been promised, and that may be all that is left of the key. */
export interface Heritage<P> {
  readonly key: string;
  readonly epoch: number;
  readonly since: number;
  readonly origin: P;
}

/** One attempt of one hand-off. */
interface Attempt {
  readonly key: string;
  readonly epoch: number;
  readonly attempt: number;
}

export type PlacementMessage<P> =
  /** Who answers it starts no key any more that the newcomer owns, and tells it of all that happens to its own. */
  | { readonly type: "join"; readonly info: HostInfo }
  | {
      readonly type: "welcome";
      readonly info: HostInfo;
      readonly claims: readonly Claim<P>[];
      readonly heritage: readonly Heritage<P>[];
      /** The highest epoch that it has heard of: what is started from now on counts for more. */
      readonly clock: number;
    }
  | { readonly type: "ready" }
  | { readonly type: "leaving" }
  /** To the owner: `by` has something for a key that nobody is known to hold. */
  | { readonly type: "want"; readonly key: string; readonly by: P }
  | { readonly type: "at"; readonly claim: Claim<P>; readonly reason?: unknown }
  /** The key is free. `error`: because it could not be started; `reason`: with what its process ended. */
  | {
      readonly type: "gone";
      readonly key: string;
      readonly epoch: number;
      readonly reason?: unknown;
      readonly error?: unknown;
    }
  | ({ readonly type: "freeze"; readonly since: number; readonly origin: P; readonly heir: P | undefined } & Attempt)
  | ({ readonly type: "frozen" } & Attempt)
  | ({ readonly type: "take"; readonly parcel: unknown } & Attempt)
  | ({ readonly type: "taken"; readonly pid: P } & Attempt)
  | ({ readonly type: "refused"; readonly reason: string } & Attempt)
  /** What waited in the mailbox has been forwarded: the heir holds the key. */
  | ({ readonly type: "complete" } & Attempt)
  /** Nothing has come of a hand-off that was promised to this host. */
  | { readonly type: "waived"; readonly key: string; readonly epoch: number }
  /** To the heir of a dead holder, or the holder whose heir is dead: does it have the key? It says `at` or `gone`. */
  | { readonly type: "holds"; readonly key: string; readonly epoch: number }
  /** To somebody who claims a key: in this epoch it was somebody else's. It says `at` anew, if it still holds it. */
  | { readonly type: "dispute"; readonly key: string; readonly epoch: number };

export type Of<P, Type extends PlacementMessage<P>["type"]> = Extract<PlacementMessage<P>, { readonly type: Type }>;

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const whole: Check = (value) => Number.isSafeInteger(value);
const flag: Check = (value) => typeof value === "boolean";
const pid: Check = isPid;
const anything: Check = () => true;
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

const info = shape({ node: text, hosts: flag, leaving: flag, ready: flag, version: text });
const frozen = shape({ attempt: whole, heir: maybe(pid) });
const claim = shape({ key: text, epoch: whole, since: whole, origin: pid, pid: maybe(pid), frozen: maybe(frozen) });
const heritage = shape({ key: text, epoch: whole, since: whole, origin: pid });
const attempt = { key: text, epoch: whole, attempt: whole };

const checks: { readonly [Type in PlacementMessage<never>["type"]]: Check } = {
  join: shape({ info }),
  welcome: shape({ info, claims: listOf(claim), heritage: listOf(heritage), clock: whole }),
  ready: anything,
  leaving: anything,
  want: shape({ key: text, by: pid }),
  at: shape({ claim }),
  gone: shape({ key: text, epoch: whole }),
  freeze: shape({ ...attempt, since: whole, origin: pid, heir: maybe(pid) }),
  frozen: shape(attempt),
  take: shape(attempt),
  taken: shape({ ...attempt, pid }),
  refused: shape({ ...attempt, reason: text }),
  complete: shape(attempt),
  waived: shape({ key: text, epoch: whole }),
  holds: shape({ key: text, epoch: whole }),
  dispute: shape({ key: text, epoch: whole }),
};

/** Undefined for what is no message, or one of a later version. */
export function checkedMessage<P>(value: unknown): PlacementMessage<P> | undefined {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  if (typeof type !== "string" || !Object.hasOwn(checks, type)) return undefined;
  return checks[type as keyof typeof checks](value) ? (value as PlacementMessage<P>) : undefined;
}
