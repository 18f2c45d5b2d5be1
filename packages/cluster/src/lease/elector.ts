/**
 * The elector: when to ask for a lease, when to renew it, and when to stop being its holder. Pure: time and answers are
 * arguments, requests are what it gives; whoever carries them out looks at `held` and `stopping` for what to start and end.
 *
 * The times of one term, as in Kubernetes' client-go (leaderelection): the holder counts from when it *sent* the renewal that
 * was granted last, the others from when they *saw* it, which is later.
 *
 *     holder  |— renewDeadlineMs ——————————|— stopMs —|  margin  |
 *     others      |— durationMs —————————————————————————————————————| may take it over
 *
 * At the renew deadline the holder is none any more, whether it can reach the lease or not, and has `stopMs` to end what it
 * does. What is left is the margin for clocks that do not run at the same speed.
 */
import type { LeaseAnswer, LeaseRecord } from "./lease.ts";

export interface LeaseTiming {
  /** After so long without a renewal others may take the lease over. Default 15 000. */
  readonly durationMs: number;
  /** After so long without a renewal the holder is none any more. Default 2/3 of `durationMs`. */
  readonly renewDeadlineMs: number;
  /** How often the holder renews and the others look. Default a fifth of `renewDeadlineMs`. */
  readonly retryMs: number;
}

const DEFAULT_DURATION_MS = 15_000;

/** With what is not given by the proportions of client-go; a `RangeError` for times that contradict each other. */
export function leaseTiming(given: Partial<LeaseTiming> = {}): LeaseTiming {
  const { durationMs = DEFAULT_DURATION_MS } = given;
  const { renewDeadlineMs = (durationMs * 2) / 3 } = given;
  const { retryMs = renewDeadlineMs / 5 } = given;
  if (!(retryMs > 0 && retryMs < renewDeadlineMs && renewDeadlineMs < durationMs && durationMs < 2 ** 31))
    throw new RangeError(
      `0 < retryMs (${retryMs}) < renewDeadlineMs (${renewDeadlineMs}) < durationMs (${durationMs})`,
    );
  return { durationMs, renewDeadlineMs, retryMs };
}

/** How long the holder may take to end what it does, once it is none any more. */
export function stopMsOf({ durationMs, renewDeadlineMs }: LeaseTiming): number {
  return (durationMs - renewDeadlineMs) / 2;
}

export type LeaseRequest =
  | { readonly type: "read" }
  | { readonly type: "acquire"; readonly over: LeaseRecord | undefined }
  | { readonly type: "renew"; readonly held: LeaseRecord };

/** What one candidate knows. */
export interface Election {
  readonly candidate: string;
  readonly timing: LeaseTiming;
  /** The lease as last seen, and since when that version is known. Undefined: not read yet. */
  readonly seen: { readonly record: LeaseRecord | undefined; readonly sinceMs: number } | undefined;
  /** The candidate's own term. */
  readonly held: { readonly record: LeaseRecord; readonly untilMs: number } | undefined;
  /** A term has ended: what was done in it must end within `stopMsOf(timing)`. Nothing is asked for until `stopped`. */
  readonly stopping: boolean;
  /** The request without an answer so far. One at a time. */
  readonly asked: { readonly number: number; readonly request: LeaseRequest; readonly sinceMs: number } | undefined;
  readonly requests: number;
  readonly nextMs: number;
  /** Others may have changed the lease since it was asked for. */
  readonly stale: boolean;
  /** It takes no lease that it does not hold, and only looks who does. */
  readonly abstains: boolean;
}

export interface Decision {
  readonly election: Election;
  /** To be sent; its answer goes to `answered` or `failed`, with the number of `election.asked`. */
  readonly request?: LeaseRequest;
  /** When to decide again, unless something happens before. */
  readonly wakeMs: number;
}

export function election(candidate: string, timing: LeaseTiming, nowMs: number): Election {
  return {
    candidate,
    timing,
    seen: undefined,
    held: undefined,
    stopping: false,
    asked: undefined,
    requests: 0,
    nextMs: nowMs,
    stale: false,
    abstains: false,
  };
}

/** The candidate's fencing token, if it is the holder at that time. */
export function tokenAt({ held }: Election, nowMs: number): number | undefined {
  return held !== undefined && nowMs < held.untilMs ? held.record.token : undefined;
}

/** Who holds the lease as far as is known; undefined: nobody, or that is not known. */
export function holderAt(state: Election, nowMs: number): string | undefined {
  if (state.held !== undefined) return nowMs < state.held.untilMs ? state.candidate : undefined;
  const { seen } = state;
  if (seen?.record === undefined || seen.record.holder === state.candidate) return undefined;
  return nowMs - seen.sinceMs < seen.record.durationMs ? seen.record.holder : undefined;
}

/** What to do now. */
export function decide(state: Election, nowMs: number): Decision {
  const { asked, held, timing } = state;
  if (held !== undefined && nowMs >= held.untilMs) return decide({ ...state, held: undefined, stopping: true }, nowMs);
  // Half of the deadline, as client-go: a request that hangs must leave time for the next one.
  const overdueMs = asked === undefined ? 0 : asked.sinceMs + timing.renewDeadlineMs / 2;
  if (asked !== undefined && nowMs < overdueMs) return waiting(state, overdueMs);
  if (state.stopping) return waiting({ ...state, asked: undefined }, Number.POSITIVE_INFINITY);
  if (nowMs < state.nextMs) return waiting(state, state.nextMs);
  const request = requestOf(state, nowMs);
  const number = state.requests + 1;
  const asking = { ...state, asked: { number, request, sinceMs: nowMs }, requests: number, stale: false };
  return { ...waiting(asking, nowMs + timing.renewDeadlineMs / 2), request };
}

function requestOf({ abstains, candidate, held, seen }: Election, nowMs: number): LeaseRequest {
  if (held !== undefined) return { type: "renew", held: held.record };
  if (seen === undefined || abstains) return { type: "read" };
  const { record, sinceMs } = seen;
  // Its own without a term: an answer was lost, or the term has ended. Nothing acts by that token any more.
  const free = record === undefined || record.holder === undefined || record.holder === candidate;
  return free || nowMs - sinceMs >= record.durationMs ? { type: "acquire", over: record } : { type: "read" };
}

/** An answer to request `number`. One that is not waited for any more says nothing: when it was given is not known. */
export function answered(state: Election, number: number, answer: LeaseAnswer, nowMs: number): Election {
  const { asked, candidate, seen, timing } = state;
  if (asked?.number !== number) return state;
  const { granted, record } = answer;
  const isNews = seen === undefined || seen.record?.version !== record?.version;
  const known: Election = { ...state, asked: undefined, seen: isNews ? { record, sinceMs: nowMs } : seen };
  if (granted && record !== undefined) {
    // From when it was asked for: the others may have seen it granted at once.
    const untilMs = asked.sinceMs + timing.renewDeadlineMs;
    const next = { ...known, nextMs: asked.sinceMs + timing.retryMs };
    // A renewal that comes after the end of the term does not bring it back.
    if (asked.request.type === "renew" ? state.held === undefined : nowMs >= untilMs || state.stopping) return next;
    return { ...next, held: { record, untilMs } };
  }
  if (state.held !== undefined && (record?.holder !== candidate || record.token !== state.held.record.token))
    return { ...known, held: undefined, stopping: true };
  const isFree = record === undefined || record.holder === undefined || record.holder === candidate;
  if ((isFree && !state.abstains) || state.stale) {
    // Its own term, in a version that it had no answer of.
    const own = state.held === undefined || record === undefined ? state.held : { ...state.held, record };
    return { ...known, held: own, nextMs: nowMs };
  }
  const expiryMs = (known.seen?.sinceMs ?? nowMs) + (record?.durationMs ?? 0);
  // Not before the time to look again when it has expired already: the attempt to take it over has just been refused.
  const retryMs = nowMs + timing.retryMs;
  return { ...known, nextMs: expiryMs > nowMs ? Math.min(retryMs, expiryMs) : retryMs };
}

/** Request `number` had an error. It may have been carried out. */
export function failed(state: Election, number: number, nowMs: number): Election {
  if (state.asked?.number !== number) return state;
  return { ...state, asked: undefined, nextMs: nowMs + state.timing.retryMs };
}

/** Others may have changed the lease. The holder need not look: its next renewal will tell. */
export function changed(state: Election, nowMs: number): Election {
  if (state.held !== undefined || state.stopping) return state;
  if (state.asked !== undefined) return { ...state, stale: true };
  return { ...state, nextMs: nowMs };
}

/** What the candidate did as the holder has ended: it may be one again. */
export function stopped(state: Election, nowMs: number): Election {
  return { ...state, stopping: false, nextMs: nowMs };
}

/** The term that ends now by the candidate's own will, if there is one: to be released once what it did has ended. */
export function resigned(state: Election): { readonly election: Election; readonly release: LeaseRecord | undefined } {
  const election: Election = { ...state, held: undefined, stopping: true, asked: undefined };
  return { election, release: state.held?.record };
}

/** A candidate again after it has resigned, by another name. Numbers go on: what answers an earlier question answers none of its own. */
export function returned({ requests, timing }: Election, candidate: string, nowMs: number): Election {
  return { ...election(candidate, timing, nowMs), requests };
}

/** From now on it is no candidate: whatever it holds it keeps, and takes nothing else. */
export function abstaining(state: Election): Election {
  return { ...state, abstains: true };
}

function waiting(state: Election, untilMs: number): Decision {
  return { election: state, wakeMs: Math.min(untilMs, state.held?.untilMs ?? Number.POSITIVE_INFINITY) };
}
