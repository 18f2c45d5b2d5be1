/** What a callback of gen_statem is given, and what it returns. @see gen_statem:state_callback_result() */
import type { PendingCall } from "../process/call.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import { Envelope } from "../process/mailbox.ts";
import type { Process } from "../process/process.ts";
import { type Self, selfOf, signalOf } from "../process/self.ts";
import type { SystemMessage } from "../process/signal.ts";
import { takeFrom } from "./gen-server.ts";
import type { CallsIn, Declared, InfoIn, InternalIn, StatemTypes, TimeoutsIn } from "./gen-statem.ts";
import type { From } from "./reply.ts";

/** What a callback of a state machine returns: made by `ctx.next`, `keep`, `repeat`, `postpone` and `stop`. */
export interface Transition<out State extends string, out Data, out R> {
  readonly kind: "transition";
  readonly state?: State;
  readonly data?: Data;
  readonly reply?: R;
}

/** **Units** milliseconds; 0 comes after inserted and postponed events and before any message; `"cancel"` ends it. */
type TimeoutOf<Content> = undefined extends Content
  ? number | "cancel" | { readonly ms: number; readonly content?: Content }
  : "cancel" | { readonly ms: number; readonly content: Content };

type EventOf<H> =
  H extends Record<string, (...args: never) => unknown>
    ? { [K in keyof H]: readonly [name: K, ...args: Parameters<H[K]>] }[keyof H]
    : never;
type CallEventOf<C extends StatemTypes["calls"]> = {
  [K in keyof C]: {
    readonly call: readonly [name: K, ...args: Parameters<C[K]>];
    readonly from: From<ReturnType<C[K]>>;
  };
}[keyof C];

/** An event that the machine gives itself. @see gen_statem's next_event */
export type NextEvent<T extends StatemTypes> =
  | { readonly internal: EventOf<InternalIn<T>> }
  | { readonly cast: EventOf<T["casts"]> }
  | CallEventOf<CallsIn<T>>
  | { readonly info: SystemMessage | InfoIn<T> };

/** What a transition brings besides state and data. Of each timeout the last setting counts. */
export interface TransitionOptions<R, T extends StatemTypes = StatemTypes, A = never> {
  /** Answers the call that is being handled. Without it the reply comes later, by `ctx.from` and `ctx.reply`. */
  readonly reply?: R;
  /** Answers calls whose `from` was kept; before any enter callback, and before the end of a machine that stops. */
  readonly replies?: readonly (readonly [to: From<A>, value: NoInfer<A>])[];
  /** Handles the event again after the next state change. */
  readonly postpone?: boolean;
  /** For the state that is entered; a state change cancels it. **Units** milliseconds. */
  readonly stateTimeoutMs?: number | "cancel";
  /** Until any event comes. **Units** milliseconds. */
  readonly eventTimeoutMs?: number;
  /** Timeouts with a name, which survive state changes; setting one anew replaces it. **Units** milliseconds. */
  readonly timeouts?: Declared<TimeoutsIn<T>, { readonly [K in keyof TimeoutsIn<T>]?: TimeoutOf<TimeoutsIn<T>[K]> }>;
  /** New contents for named timeouts that run; their time stays. One that does not run is delivered at once, as in OTP. */
  readonly updates?: Declared<TimeoutsIn<T>, { readonly [K in keyof TimeoutsIn<T>]?: TimeoutsIn<T>[K] }>;
  /** Handled next, in this order, before anything that waits. */
  readonly nextEvents?: readonly NextEvent<T>[];
  /** Frees what an idle process can do without, until the next event. */
  readonly hibernate?: boolean;
}

export interface StopOptions<R, Data, A = never> {
  /** Answers the call that is being handled, before terminate runs. */
  readonly reply?: R;
  readonly replies?: readonly (readonly [to: From<A>, value: NoInfer<A>])[];
  /** What terminate sees. */
  readonly data?: Data;
}

/** What a callback is given. One object per process, reused for every event. */
export interface StatemContext<T extends StatemTypes> {
  readonly data: T["data"];
  readonly state: T["state"];
  readonly self: Self<unknown>;
  /** Aborted when the machine ends. */
  readonly signal: AbortSignal;
  /** Whom to answer later. Only while a call is being handled, before the first await. */
  from<R>(): From<R>;
  /** Answers a call whose `from` was kept. From anywhere; a second or late answer is dropped. */
  reply<R>(to: From<R>, value: R): void;
  /** Goes to `state`. The same state is no state change: nothing is entered, no timeout cancelled. */
  next<R = never, A = never>(
    state: T["state"],
    data?: T["data"],
    options?: TransitionOptions<R, T, A>,
  ): Transition<T["state"], T["data"], R>;
  /** Stays; `data` is the new data, `undefined` keeps the old. */
  keep<R = never, A = never>(data?: T["data"], options?: TransitionOptions<R, T, A>): Transition<never, T["data"], R>;
  /** Stays, and runs `enter` again. Postponed events wait on: the state has not changed. @see gen_statem's repeat_state */
  repeat<R = never, A = never>(data?: T["data"], options?: TransitionOptions<R, T, A>): Transition<never, T["data"], R>;
  /** Stays, and handles this event again after the next state change, before newer ones. */
  postpone(): Transition<never, never, never>;
  /** Ends the machine; replies go out first. Default reason `"normal"`. */
  stop<R = never, A = never>(
    reason?: ExitReason,
    options?: StopOptions<R, T["data"], A>,
  ): Transition<never, T["data"], R>;
}

/** Options as the machine reads them, whatever the types of the module. */
export interface AnyOptions
  extends Omit<TransitionOptions<unknown>, "timeouts" | "updates" | "nextEvents" | "replies"> {
  readonly data?: unknown;
  readonly replies?: readonly (readonly [unknown, unknown])[];
  readonly timeouts?: Readonly<
    Record<string, number | "cancel" | { readonly ms: number; readonly content?: unknown } | undefined>
  >;
  readonly updates?: Readonly<Record<string, unknown>>;
  readonly nextEvents?: readonly AnyNextEvent[];
}

type Named = readonly [name: string, ...args: unknown[]];
export type AnyNextEvent =
  | { readonly internal: Named }
  | { readonly cast: Named }
  | { readonly call: Named; readonly from: unknown }
  | { readonly info: unknown };

/** One class for all results of callbacks. */
export class Step {
  readonly action: "next" | "keep" | "repeat" | "stop";
  readonly state: string | undefined;
  readonly data: unknown;
  readonly options: AnyOptions | undefined;
  readonly reason: ExitReason;

  constructor(action: Step["action"], state: string | undefined, data: unknown, options: unknown, reason?: ExitReason) {
    this.action = action;
    this.state = state;
    this.data = data;
    this.options = options as AnyOptions | undefined;
    this.reason = reason;
  }

  toString(): string {
    return this.action === "next" ? `next(${JSON.stringify(this.state)})` : `${this.action}(…)`;
  }
}

export const KEEP_STATE: Step = new Step("keep", undefined, undefined, undefined);
export const POSTPONE: Step = new Step("keep", undefined, undefined, { postpone: true });

/** A call that the machine gave itself again: answering it answers the call it was made of. */
export const INSERTED_CALL = 7;
export class InsertedCall extends Envelope {
  readonly to: PendingCall;

  constructor(to: PendingCall, operation: string, args: readonly unknown[]) {
    super(INSERTED_CALL, operation, args);
    this.to = to;
  }

  reply(value: unknown): void {
    this.to.reply(value);
  }
}

/** What the context shows of a machine. */
export interface Shown {
  readonly data: unknown;
  readonly name: string;
}

export class MachineContext implements StatemContext<StatemTypes> {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  get data(): unknown {
    return (this.#process.state as Shown | undefined)?.data;
  }

  get state(): string {
    return (this.#process.state as Shown | undefined)?.name as string;
  }

  get self(): Self<unknown> {
    return selfOf(this.#process);
  }

  get signal(): AbortSignal {
    return signalOf(this.#process);
  }

  from<R>(): From<R> {
    const current = this.#process.current;
    if (current instanceof InsertedCall) return current.to as unknown as From<R>;
    return takeFrom(this.#process) as unknown as From<R>;
  }

  reply<R>(to: From<R>, value: R): void {
    (to as unknown as PendingCall).reply(value);
  }

  next(state: string, data?: unknown, options?: unknown): never {
    return new Step("next", state, data, options) as never;
  }

  keep(data?: unknown, options?: unknown): never {
    return (
      data === undefined && options === undefined ? KEEP_STATE : new Step("keep", undefined, data, options)
    ) as never;
  }

  repeat(data?: unknown, options?: unknown): never {
    return new Step("repeat", undefined, data, options) as never;
  }

  postpone(): never {
    return POSTPONE as never;
  }

  stop(reason: ExitReason = "normal", options?: { readonly data?: unknown }): never {
    return new Step("stop", undefined, options?.data, options, reason) as never;
  }
}
