/** What the load writes down. All times are milliseconds since `startedAt`. */
import type { Gap, Spoken } from "../visitor.ts";

export type RequestKind = "keep-alive" | "new connection" | "post" | "idle";

export interface RequestRecord {
  readonly kind: RequestKind;
  readonly at: number;
  readonly tookMs: number;
  /** What went wrong; undefined: it was answered. */
  readonly error?: string | undefined;
}

export interface UserRecord {
  /** What it heard, each with the numbers that it came under. */
  readonly heard: Readonly<Record<string, readonly number[]>>;
  readonly gaps: readonly Gap[];
}

/** Somebody who enters the room for the first time, and what is said to have been said. */
export interface NewcomerRecord {
  readonly at: number;
  /** Undefined: could not enter. */
  readonly history?: readonly string[] | undefined;
}

/** Whether the ticker had news. */
export interface TickerRecord {
  readonly at: number;
  readonly isLive: boolean;
}

export interface LoadLog {
  /** Unix epoch, milliseconds. */
  readonly startedAt: number;
  readonly tookMs: number;
  readonly requests: readonly RequestRecord[];
  readonly spoken: readonly Spoken[];
  readonly users: readonly UserRecord[];
  readonly newcomers: readonly NewcomerRecord[];
  readonly ticker: readonly TickerRecord[];
}
