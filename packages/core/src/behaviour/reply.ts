/** What a callback of gen_server returns: result constructors instead of OTP's tuples. @see gen_server(3) */
import type { ExitReason } from "../process/exit-reason.ts";

/** What comes after the callback. `Continue` is `[name, ...arguments]` of one of the module's `continues`. */
export interface After<Continue = never> {
  /** Runs this handler before any message. */
  readonly continueWith?: Continue;
  /** Delivers `{ type: "timeout" }` to `info` if no message comes within so many milliseconds. */
  readonly timeoutMs?: number;
  /** Frees what an idle process can do without, until the next message. */
  readonly hibernate?: boolean;
}

export interface Reply<out R, out S, out Continue = never> {
  readonly kind: "reply";
  readonly value: R;
  readonly state?: S;
  readonly after?: After<Continue> | undefined;
}

export interface NoReply<out S, out Continue = never> {
  readonly kind: "noreply";
  readonly state?: S;
  readonly after?: After<Continue> | undefined;
}

/** A reply that will be given later by `ctx.reply(from, value)`. */
export interface Later<out R, out S> {
  readonly kind: "later";
  readonly state?: S;
  readonly "~reply"?: R;
}

export interface Stop<out R, out S> {
  readonly kind: "stop";
  readonly reason: ExitReason;
  readonly value?: R;
  readonly state?: S;
}

/** From `init`: the state, and what comes next. */
export interface Ready<out S, out Continue = never> {
  readonly kind: "ready";
  readonly state: S;
  readonly after?: After<Continue> | undefined;
}

export interface Ignore {
  readonly kind: "ignore";
}

/** Whom to answer. */
export interface From<in R = never> {
  /** For the compiler only. */
  readonly "~reply": (reply: R) => void;
}

/** Stands for "no state given": the old one stays. `undefined` may well be a state. */
export const KEEP: unique symbol = Symbol("interlock.keep");

/** One class for all results: the drain loop meets one shape. */
export class Result {
  readonly kind: string;
  readonly value: unknown;
  readonly state: unknown;
  readonly reason: ExitReason;
  readonly after: After<unknown> | undefined;

  constructor(kind: string, value: unknown, state: unknown, reason: ExitReason, after: After<unknown> | undefined) {
    this.kind = kind;
    this.value = value;
    this.state = state;
    this.reason = reason;
    this.after = after;
  }
}

/** No reply, no change: what most messages of a forwarder come to. */
export const NOTHING: Result = new Result("noreply", undefined, KEEP, undefined, undefined);

/** Answers a call; the state stays, or becomes `state`. */
export function reply<R>(value: R): Reply<R, never>;
export function reply<R, S, const C extends readonly [string, ...unknown[]] = never>(
  value: R,
  state: S,
  after?: After<C>,
): Reply<R, S, C>;
export function reply(value: unknown, state: unknown = KEEP, after?: After<unknown>): never {
  return new Result("reply", value, arguments.length > 1 ? state : KEEP, undefined, after) as never;
}

/** Answers nothing; the state stays, or becomes `state`. From a call: the reply comes later. */
export function noreply(): NoReply<never>;
export function noreply<S, const C extends readonly [string, ...unknown[]] = never>(
  state: S,
  after?: After<C>,
): NoReply<S, C>;
export function noreply(state?: unknown, after?: After<unknown>): never {
  if (arguments.length === 0) return NOTHING as never;
  return new Result("noreply", undefined, state, undefined, after) as never;
}

/**
 * The reply to this call comes later, by `ctx.reply(from, value)`; the mailbox goes on meanwhile.
 *
 * @example
 * const Gate = genServer({
 *   name: "gate",
 *   init: (): readonly From<string>[] => [],
 *   calls: {
 *     wait(ctx) {
 *       const from = ctx.from<string>();
 *       return later(from, [...ctx.state, from]);
 *     },
 *   },
 *   casts: {
 *     open(ctx) {
 *       for (const from of ctx.state) ctx.reply(from, "it is open");
 *       return noreply([]);
 *     },
 *   },
 * });
 * const gate = await Gate.start();
 * const answer = gate.call.wait();
 * gate.cast.open();
 * console.log(await answer); // it is open
 */
export function later<R>(): Later<R, never>;
export function later<R>(from: From<R>): Later<R, never>;
export function later<R, S>(from: From<R>, state: S): Later<R, S>;
export function later(_from?: unknown, state?: unknown): never {
  return new Result("later", undefined, arguments.length > 1 ? state : KEEP, undefined, undefined) as never;
}

/** Ends the process; in a call `{ value }` is answered first. */
export function stop(reason: ExitReason): Stop<never, never>;
export function stop<R>(reason: ExitReason, reply: { readonly value: R }): Stop<R, never>;
export function stop(reason: ExitReason, answer?: { readonly value: unknown }): never {
  return new Result("stop", answer === undefined ? KEEP : answer.value, KEEP, reason, undefined) as never;
}

/** From `init`: the first state, and what comes next. */
export function ready<S, const C extends readonly [string, ...unknown[]] = never>(
  state: S,
  after?: After<C>,
): Ready<S, C> {
  return new Result("ready", undefined, state, undefined, after) as never;
}

/** From `init`: no process is wanted. */
export function ignore(): Ignore {
  return new Result("ignore", undefined, KEEP, undefined, undefined) as never;
}
