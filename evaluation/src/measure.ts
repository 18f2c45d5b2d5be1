/** What the visitors of a run have gone through, from what they wrote down. Pure. */
import type { LoadLog, NewcomerRecord } from "../../examples/newsroom-visitors/src/traffic/log.ts";

export interface Measured {
  readonly seconds: number;
  readonly requests: number;
  /** Requests without an answer, or with one that is an error. Nobody sends one twice. */
  readonly lost: number;
  /** What went wrong with them, and how often. */
  readonly errors: Readonly<Record<string, number>>;
  /** Share of the requests that were answered. */
  readonly availability: number;
  /** From the first moment at which something was wrong for a visitor to the last one. Undefined: it still was at the end. */
  readonly healMs?: number | undefined;
  /** Messages that were said, those that somebody never heard, and those that somebody heard as two. */
  readonly messages: number;
  readonly messagesLost: number;
  readonly messagesDoubled: number;
  /** Of the last messages that were on the wall, how many a newcomer missed at most. */
  readonly stateLost: number;
  /** How many users were out of the room, and for how long at most. Undefined: somebody was not back at the end. */
  readonly usersCut: number;
  readonly longestGapMs?: number | undefined;
  /** How many times in a second's interval the ticker had no news. */
  readonly tickerAway: number;
  /** For each second of the run: requests that were sent in it, and those of them that were lost. */
  readonly series: readonly { readonly sent: number; readonly lost: number }[];
}

/** A user who is back so soon was moved, and noticed nothing. */
const NOTICED_MS = 1_000;
/** The wall has 50; the last of them may hang in another order than they were confirmed in. */
const EXPECTED_ON_WALL = 40;
/** A message is on the wall before its speaker hears it; a newcomer may have asked before that. */
const CONFIRMED_BEFORE_MS = 1_000;
/** What fails so shortly before the end has not been seen to heal. */
const END_MS = 3_000;

export function measure(log: LoadLog): Measured {
  const lost = log.requests.filter(({ error }) => error !== undefined);
  const spoken = log.spoken.filter(({ at }) => at <= log.tookMs);
  const heardBy = (id: string): readonly number[] => log.users.map(({ heard }) => heard[id]?.length ?? 0);
  const gaps = log.users.flatMap((user) => user.gaps);
  const gapsMs = gaps.map(({ from, to }) => (to === undefined ? undefined : to - from));
  return {
    seconds: Math.round(log.tookMs / 1_000),
    requests: log.requests.length,
    lost: lost.length,
    errors: countBy(lost.map(({ error, kind }) => `${kind}: ${error}`)),
    availability: log.requests.length === 0 ? 0 : 1 - lost.length / log.requests.length,
    healMs: healMs(log),
    messages: spoken.length,
    messagesLost: spoken.filter(({ id }) => heardBy(id).includes(0)).length,
    messagesDoubled: spoken.filter(({ id }) => heardBy(id).some((times) => times > 1)).length,
    stateLost: Math.max(0, ...log.newcomers.map((newcomer) => missedBy(newcomer, log.spoken))),
    usersCut: log.users.filter((user) => user.gaps.length > 0).length,
    longestGapMs: gapsMs.includes(undefined) ? undefined : Math.max(0, ...gapsMs.filter((ms) => ms !== undefined)),
    tickerAway: log.ticker.filter(({ isLive }) => !isLive).length,
    series: seriesOf(log),
  };
}

function healMs({ newcomers, requests, tookMs, users }: LoadLog): number | undefined {
  const moments = requests.filter(({ error }) => error !== undefined).map(({ at }) => [at, at] as const);
  const outs = users
    .flatMap(({ gaps }) => gaps)
    .map(({ from, to = Number.POSITIVE_INFINITY }) => [from, to] as const)
    .filter(([from, to]) => to - from > NOTICED_MS);
  const refused = newcomers.filter(({ history }) => history === undefined).map(({ at }) => [at, at] as const);
  const all = [...moments, ...outs, ...refused];
  if (all.length === 0) return 0;
  const first = Math.min(...all.map(([from]) => from));
  const last = Math.max(...all.map(([, to]) => to));
  return last > tookMs - END_MS ? undefined : last - first;
}

function missedBy({ at, history }: NewcomerRecord, spoken: LoadLog["spoken"]): number {
  if (history === undefined) return 0;
  const confirmed = spoken
    .filter(({ confirmedAt }) => confirmedAt !== undefined && confirmedAt < at - CONFIRMED_BEFORE_MS)
    .toSorted((a, b) => (a.confirmedAt ?? 0) - (b.confirmedAt ?? 0))
    .slice(-EXPECTED_ON_WALL);
  return confirmed.filter(({ id }) => !history.includes(id)).length;
}

function seriesOf({ requests, tookMs }: LoadLog): Measured["series"] {
  const series = Array.from({ length: Math.ceil(tookMs / 1_000) }, () => ({ sent: 0, lost: 0 }));
  for (const { at, error } of requests) {
    const second = series[Math.floor(at / 1_000)];
    if (second === undefined) continue;
    second.sent++;
    if (error !== undefined) second.lost++;
  }
  return series;
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
