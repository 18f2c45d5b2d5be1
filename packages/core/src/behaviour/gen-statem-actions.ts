/** Turns the options of a transition into what the queue understands. */
import { PendingCall } from "../process/call.ts";
import { CAST, Envelope, MESSAGE } from "../process/mailbox.ts";
import { checkDelay } from "../process/send.ts";
import { badReturn } from "./gen-server.ts";
import { INTERNAL } from "./gen-statem-machine.ts";
import { EVENT_TIMEOUT, STATE_TIMEOUT, type TimeoutChange, type TimeoutKey } from "./gen-statem-queue.ts";
import { type AnyNextEvent, type AnyOptions, InsertedCall } from "./gen-statem-transition.ts";

const NO_CHANGES: readonly TimeoutChange[] = [];
const NO_EVENTS: readonly Envelope[] = [];

/** The changes of timeouts, in the order in which they count. */
export function changesIn(options: AnyOptions | undefined): readonly TimeoutChange[] {
  if (options === undefined) return NO_CHANGES;
  const { eventTimeoutMs, stateTimeoutMs, timeouts, updates } = options;
  if (stateTimeoutMs === undefined && eventTimeoutMs === undefined && timeouts === undefined && updates === undefined)
    return NO_CHANGES;
  const changes: TimeoutChange[] = [];
  const set = (key: TimeoutKey, what: string, ms: number | "cancel", content: unknown): void => {
    if (ms !== "cancel") checkDelay(ms, what);
    changes.push({ key, ms: ms === "cancel" ? Number.POSITIVE_INFINITY : ms, content });
  };
  if (stateTimeoutMs !== undefined) set(STATE_TIMEOUT, "stateTimeoutMs", stateTimeoutMs, undefined);
  if (eventTimeoutMs !== undefined) set(EVENT_TIMEOUT, "eventTimeoutMs", eventTimeoutMs, undefined);
  for (const [name, timeout] of Object.entries(timeouts ?? {})) {
    if (timeout === undefined) continue;
    if (typeof timeout === "object") set(name, `timeouts.${name}`, timeout.ms, timeout.content);
    else set(name, `timeouts.${name}`, timeout, undefined);
  }
  for (const [name, content] of Object.entries(updates ?? {})) changes.push({ key: name, ms: "update", content });
  return changes;
}

/** Events that go before all others, in their order. */
export function insertedIn(label: string, options: AnyOptions | undefined): readonly Envelope[] {
  return options?.nextEvents?.map((event) => inserted(label, event)) ?? NO_EVENTS;
}

function inserted(label: string, event: AnyNextEvent): Envelope {
  if ("info" in event) return new Envelope(MESSAGE, event.info, undefined);
  if ("internal" in event) return named(INTERNAL, event.internal);
  if ("cast" in event) return named(CAST, event.cast);
  if ("call" in event && event.from instanceof PendingCall) {
    const [name, ...args] = event.call;
    return new InsertedCall(event.from, name, args);
  }
  throw badReturn(label, "nextEvents", event);
}

function named(kind: number, [name, ...args]: readonly [string, ...unknown[]]): Envelope {
  return new Envelope(kind, name, args);
}
