/**
 * The protocol of a reflector: list, watch from there, and what to do when either fails. Pure: requests and alarms are what
 * it gives, their answers and the time are what it takes. It knows versions and phases; the objects pass through it.
 *
 *     listing ——page…—— last page ——————————+
 *        ^   (a server that streams lists: streaming ——events…—— bookmark of the end ——+)
 *        |                                                                             v
 *     waiting <—— failed, expired (410) ———————————————————— opening —— opened —— watching —— ended —> opening
 *
 * What was listed last stands until all of the next list is there: an error is never an empty list. A list is a consistent
 * read, so that a newer one never says what is older.
 */

import { type BackOff, backOffMs } from "@interlock/core/distribution";
import { isKubernetesError } from "../errors.ts";
import { retryAfterOf } from "./requester.ts";
import { type KubernetesObject, keyOf, type Stored } from "./resource.ts";
import type { WatchEvent } from "./watch.ts";

export interface ReflectorRules {
  /** A watch that is silent for so long is taken for dead. */
  readonly inactivityMs: number;
  /** Watches end after once to twice as long, so that those of many clients do not end together. */
  readonly watchMs: number;
  /** At the end of a watch after so long everything is listed anew. */
  readonly relistMs: number;
  readonly pageSize: number;
  readonly backOff: Required<BackOff>;
}

type Phase<T extends KubernetesObject> =
  | { readonly type: "listing"; readonly pages: readonly (readonly Stored<T>[])[] }
  | { readonly type: "streaming"; readonly events: readonly (readonly WatchEvent<T>[])[]; readonly isOpen: boolean }
  | { readonly type: "opening" }
  | { readonly type: "watching"; readonly sinceMs: number; readonly isFresh: boolean }
  | { readonly type: "waiting"; readonly untilMs: number };

export interface ReflectorState<T extends KubernetesObject> {
  readonly rules: ReflectorRules;
  readonly phase: Phase<T>;
  /** Of the request under way; answers with another number come too late. */
  readonly attempt: number;
  /** To watch from. Undefined: what there is must be listed. */
  readonly version: string | undefined;
  /** Whether the server is asked to stream lists: until it shows that it cannot. */
  readonly streams: boolean;
  /** Lists that expired between two pages, in a row. */
  readonly expiredLists: number;
  /** In a row, for the back-off. */
  readonly failures: number;
  readonly problem: unknown;
  readonly listedAtMs: number;
  /** When the server was last heard. Undefined: never. */
  readonly contactMs: number | undefined;
}

export type ReflectorEvent<T extends KubernetesObject> =
  | { readonly type: "start" }
  | {
      readonly type: "page";
      readonly attempt: number;
      readonly items: readonly Stored<T>[];
      readonly resourceVersion: string;
      readonly continue: string | undefined;
    }
  | { readonly type: "opened"; readonly attempt: number }
  | { readonly type: "events"; readonly attempt: number; readonly events: readonly WatchEvent<T>[] }
  | { readonly type: "ended"; readonly attempt: number }
  | { readonly type: "failed"; readonly attempt: number; readonly error: unknown }
  | { readonly type: "alarm" };

export type ReflectorEffect<T extends KubernetesObject> =
  /** Answered by `page` or `failed`. */
  | { readonly type: "list"; readonly attempt: number; readonly limit: number; readonly continue: string | undefined }
  /** Answered by `opened` or `failed`. */
  | {
      readonly type: "watch";
      readonly attempt: number;
      readonly resourceVersion: string | undefined;
      readonly sendInitialEvents: boolean;
      readonly timeoutSeconds: number;
    }
  /** The next events of the watch that is open: answered by `events`, `ended` or `failed`. */
  | { readonly type: "read"; readonly attempt: number }
  /** Gives up the request under way. */
  | { readonly type: "cancel" }
  /** These are all objects that there are. */
  | { readonly type: "replace"; readonly objects: readonly Stored<T>[] }
  | { readonly type: "change"; readonly events: readonly WatchEvent<T>[] }
  /** An alarm is to come at that time, if none comes before. */
  | { readonly type: "wake"; readonly atMs: number };

/** When, and a number in [0, 1) for whatever is left to chance. */
export interface Moment {
  readonly nowMs: number;
  readonly random: number;
}

export type ReflectorStep<T extends KubernetesObject> = readonly [ReflectorState<T>, readonly ReflectorEffect<T>[]];

export function reflectorState<T extends KubernetesObject>(rules: ReflectorRules): ReflectorState<T> {
  return {
    rules,
    phase: { type: "waiting", untilMs: 0 },
    attempt: 0,
    version: undefined,
    streams: true,
    expiredLists: 0,
    failures: 0,
    problem: undefined,
    listedAtMs: Number.NEGATIVE_INFINITY,
    contactMs: undefined,
  };
}

/** Whether what was seen is what there is, as far as can be known: the server is heard, and a watch stands or has just stood. */
export function isInStep<T extends KubernetesObject>(
  { contactMs, failures, phase, rules }: ReflectorState<T>,
  nowMs: number,
): boolean {
  if (contactMs === undefined || nowMs - contactMs >= rules.inactivityMs) return false;
  return failures === 0 || (phase.type === "watching" && nowMs - phase.sinceMs >= SHORT_MS);
}

export function step<T extends KubernetesObject>(
  state: ReflectorState<T>,
  event: ReflectorEvent<T>,
  moment: Moment,
): ReflectorStep<T> {
  if (event.type === "start") return list(state, moment);
  if (event.type === "alarm") return alarm(state, moment);
  if (event.attempt !== state.attempt) return [state, []];
  if (event.type === "failed") return failed(state, event.error, moment);
  const heard: ReflectorState<T> = { ...state, contactMs: moment.nowMs };
  switch (event.type) {
    case "page":
      return page(heard, event, moment);
    case "opened":
      return opened(heard, moment);
    case "events":
      return heard.phase.type === "streaming" ? streamed(heard, event.events, moment) : watched(heard, event.events);
    case "ended":
      return ended(heard, moment);
  }
}

function list<T extends KubernetesObject>(state: ReflectorState<T>, { random }: Moment): ReflectorStep<T> {
  const attempt = state.attempt + 1;
  const known = { ...state, attempt };
  if (state.streams) {
    const phase = { type: "streaming", events: [], isOpen: false } as const;
    return [{ ...known, phase }, [watching(known, undefined, true, random)]];
  }
  // Twice in a row the pages were not there any more when they were asked for: all in one answer then.
  const limit = state.expiredLists > 1 ? 0 : state.rules.pageSize;
  return [{ ...known, phase: { type: "listing", pages: [] } }, [{ type: "list", attempt, limit, continue: undefined }]];
}

function page<T extends KubernetesObject>(
  state: ReflectorState<T>,
  { continue: next, items, resourceVersion }: Extract<ReflectorEvent<T>, { type: "page" }>,
  moment: Moment,
): ReflectorStep<T> {
  if (state.phase.type !== "listing") return [state, []];
  const pages = [...state.phase.pages, items];
  if (next === undefined) {
    const [watch, effects] = open(
      { ...state, version: resourceVersion, expiredLists: 0, listedAtMs: moment.nowMs },
      moment,
    );
    return [watch, [{ type: "replace", objects: pages.flat() }, ...effects]];
  }
  const { attempt, rules } = state;
  return [
    { ...state, phase: { type: "listing", pages } },
    [{ type: "list", attempt, limit: rules.pageSize, continue: next }],
  ];
}

/** Watches from the version that is known. */
function open<T extends KubernetesObject>(state: ReflectorState<T>, { random }: Moment): ReflectorStep<T> {
  const known: ReflectorState<T> = { ...state, attempt: state.attempt + 1, phase: { type: "opening" } };
  return [known, [watching(known, state.version, false, random)]];
}

function watching<T extends KubernetesObject>(
  { attempt, rules }: ReflectorState<T>,
  resourceVersion: string | undefined,
  sendInitialEvents: boolean,
  random: number,
): ReflectorEffect<T> {
  const timeoutSeconds = Math.ceil((rules.watchMs * (1 + random)) / 1_000);
  return { type: "watch", attempt, resourceVersion, sendInitialEvents, timeoutSeconds };
}

function opened<T extends KubernetesObject>(state: ReflectorState<T>, { nowMs }: Moment): ReflectorStep<T> {
  const { attempt, phase } = state;
  const open: Phase<T> =
    phase.type === "streaming" ? { ...phase, isOpen: true } : { type: "watching", sinceMs: nowMs, isFresh: true };
  return [{ ...state, phase: open }, [{ type: "read", attempt }, silence(state)]];
}

/** When to take the stream for dead, unless something comes before. */
function silence<T extends KubernetesObject>({ contactMs = 0, rules }: ReflectorState<T>): ReflectorEffect<T> {
  return { type: "wake", atMs: contactMs + rules.inactivityMs };
}

/** A part of a streamed list. */
function streamed<T extends KubernetesObject>(
  state: ReflectorState<T>,
  given: readonly WatchEvent<T>[],
  moment: Moment,
): ReflectorStep<T> {
  if (state.phase.type !== "streaming") return [state, []];
  const { attempt } = state;
  const end = given.findIndex(({ type }) => type === "BOOKMARK");
  const bookmark = given[end];
  // One that does not end what there is: the server takes this for a plain watch.
  if (bookmark?.type === "BOOKMARK" && !bookmark.isInitialEnd) return paged(state, moment);
  const events = [...state.phase.events, end < 0 ? given : given.slice(0, end)];
  if (end < 0) return [{ ...state, phase: { ...state.phase, events } }, [{ type: "read", attempt }, silence(state)]];
  const objects = new Map<string, Stored<T>>();
  for (const event of events.flat()) {
    if (event.type === "BOOKMARK") continue;
    if (event.type === "DELETED") objects.delete(keyOf(event.object));
    else objects.set(keyOf(event.object), event.object);
  }
  const { nowMs } = moment;
  const phase = { type: "watching", sinceMs: nowMs, isFresh: true } as const;
  const listed: ReflectorState<T> = { ...state, phase, listedAtMs: nowMs };
  const [next, effects] = watched(listed, given.slice(end));
  return [next, [{ type: "replace", objects: [...objects.values()] }, ...effects]];
}

function watched<T extends KubernetesObject>(
  state: ReflectorState<T>,
  events: readonly WatchEvent<T>[],
): ReflectorStep<T> {
  if (state.phase.type !== "watching") return [state, []];
  const last = events.at(-1);
  const version = last === undefined ? state.version : versionOf(last);
  // Only what is heard of a watch ends the row of failures: a server may well list, and not watch.
  const known: ReflectorState<T> = {
    ...state,
    version,
    failures: 0,
    problem: undefined,
    phase: { ...state.phase, isFresh: false },
  };
  return [known, [{ type: "change", events }, { type: "read", attempt: state.attempt }, silence(known)]];
}

function versionOf(event: WatchEvent): string {
  return event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
}

/** The server has ended a watch, as it does after its time. */
function ended<T extends KubernetesObject>(state: ReflectorState<T>, moment: Moment): ReflectorStep<T> {
  const { listedAtMs, phase, rules } = state;
  if (phase.type === "watching" && !(phase.isFresh && moment.nowMs - phase.sinceMs < SHORT_MS)) {
    const calm: ReflectorState<T> = { ...state, failures: 0, problem: undefined };
    return moment.nowMs - listedAtMs >= rules.relistMs ? list(calm, moment) : open(calm, moment);
  }
  // It was to end what there is by a bookmark first.
  if (phase.type === "streaming") return paged(state, moment);
  return failed(state, new Error("the watch ended at once"), moment);
}

/** The server cannot stream a list: by pages, from now on. */
function paged<T extends KubernetesObject>(state: ReflectorState<T>, moment: Moment): ReflectorStep<T> {
  const [next, effects] = list({ ...state, streams: false }, moment);
  return [next, [{ type: "cancel" }, ...effects]];
}

/** A watch that ends sooner, and has told nothing, is no watch. */
const SHORT_MS = 1_000;

function failed<T extends KubernetesObject>(
  state: ReflectorState<T>,
  problem: unknown,
  { nowMs, random }: Moment,
): ReflectorStep<T> {
  const { phase, rules } = state;
  // It does not know what it was asked for; the same question by pages is no failure yet.
  if (phase.type === "streaming" && isKubernetesError(problem, "INTERLOCK_KUBERNETES_INVALID"))
    return paged(state, { nowMs, random });
  // One that has lasted was none of the row.
  const hasLasted = phase.type === "watching" && nowMs - phase.sinceMs >= rules.backOff.longestMs;
  const failures = hasLasted ? 1 : state.failures + 1;
  const isExpired = isKubernetesError(problem, "INTERLOCK_KUBERNETES_EXPIRED");
  const asked = retryAfterOf(problem) ?? 0;
  const delayMs = Math.max(
    backOffMs(failures, rules.backOff, () => random),
    asked * (1 + random / 2),
  );
  const untilMs = nowMs + delayMs;
  return [
    {
      ...state,
      // What comes of it now is too late.
      attempt: state.attempt + 1,
      phase: { type: "waiting", untilMs },
      failures,
      problem,
      // A list that failed leaves what was known, and so from where to watch.
      version: isExpired ? undefined : state.version,
      expiredLists: isExpired && phase.type === "listing" ? state.expiredLists + 1 : state.expiredLists,
    },
    [{ type: "cancel" }, { type: "wake", atMs: untilMs }],
  ];
}

function alarm<T extends KubernetesObject>(state: ReflectorState<T>, moment: Moment): ReflectorStep<T> {
  const { phase } = state;
  if (phase.type === "waiting") {
    if (moment.nowMs < phase.untilMs) return [state, [{ type: "wake", atMs: phase.untilMs }]];
    return state.version === undefined ? list(state, moment) : open(state, moment);
  }
  const isOpen = phase.type === "watching" || (phase.type === "streaming" && phase.isOpen);
  if (!isOpen) return [state, []];
  const deadMs = (state.contactMs ?? 0) + state.rules.inactivityMs;
  if (moment.nowMs < deadMs) return [state, [{ type: "wake", atMs: deadMs }]];
  if (phase.type === "streaming") return paged(state, moment);
  const [next, effects] = open(state, moment);
  return [next, [{ type: "cancel" }, ...effects]];
}
