/**
 * gen_statem: a state machine is a value, as a server is. Its types come first, because states refer to each other; then
 * each state lists the events it handles, and every handler says by its return what becomes of state and data.
 * @see gen_statem(3)
 */
import { checkedName, type Name } from "../naming/name.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import type { MailboxOptions } from "../process/mailbox.ts";
import type { Pid } from "../process/pid.ts";
import type { SystemMessage } from "../process/signal.ts";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.ts";
import { type CallOptions, clientOf } from "./client.ts";
import type { None } from "./gen-server.ts";
import { StatemBody } from "./gen-statem-body.ts";
import type { StatemContext, Transition, TransitionOptions } from "./gen-statem-transition.ts";
import type { Ignore, Stop } from "./reply.ts";
import { type Start, startWith } from "./start.ts";

export type { NextEvent, StatemContext, StopOptions, Transition, TransitionOptions } from "./gen-statem-transition.ts";

export type MaybePromise<T> = T | Promise<T>;

/**
 * The types of one machine: `interface Door extends StatemTypes { … }`.
 *
 * @example
 * interface Door extends StatemTypes {
 *   state: "locked" | "open";
 *   data: { readonly code: string };
 *   calls: { unlock(code: string): boolean };
 *   casts: { slam(): void };
 * }
 */
export interface StatemTypes {
  readonly state: string;
  readonly data: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the top of the type lattice
  readonly calls: Record<string, (...args: any[]) => unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: the top of the type lattice
  readonly casts: Record<string, (...args: any[]) => void>;
  /** Events that the machine gives itself by `nextEvents`. */
  // biome-ignore lint/suspicious/noExplicitAny: the top of the type lattice
  readonly internal?: Record<string, (...args: any[]) => void>;
  /** Timeouts with a name, and what each brings: `{ retry: number; poll: undefined }`. */
  readonly timeouts?: object;
  /** Plain messages that the machine accepts. */
  readonly info?: unknown;
}

export type CallsIn<T extends StatemTypes> = T["calls"];
export type InternalIn<T extends StatemTypes> = T extends { readonly internal: infer I } ? I : None;
export type TimeoutsIn<T extends StatemTypes> = T extends { readonly timeouts: infer N } ? N : None;
export type InfoIn<T extends StatemTypes> = T extends { readonly info: infer M } ? M : never;

/** What a machine has declared no names for cannot be given. */
export type Declared<Names, V> = keyof Names extends never ? never : V;

type Next<T extends StatemTypes, R = never> = MaybePromise<Transition<T["state"], T["data"], R>>;
type HandlersOf<T extends StatemTypes, H> = {
  readonly [K in keyof H]?: H[K] extends (...args: infer A) => unknown
    ? (ctx: StatemContext<T>, ...args: A) => Next<T>
    : never;
};

/** What a state handles; at the module's level, what any state handles that does not do so itself. */
export interface StatemHandlers<T extends StatemTypes> {
  /**
   * Runs when the state is entered: at the start (`from` is undefined), on every change to it, and on `ctx.repeat`. It
   * leads to no other state, postpones nothing and has no `nextEvents`: that crashes the machine.
   */
  readonly enter?: (ctx: StatemContext<T>, from: T["state"] | undefined) => Next<T>;
  readonly stateTimeout?: (ctx: StatemContext<T>) => Next<T>;
  readonly eventTimeout?: (ctx: StatemContext<T>) => Next<T>;
  readonly timeouts?: Declared<
    TimeoutsIn<T>,
    { readonly [K in keyof TimeoutsIn<T>]?: (ctx: StatemContext<T>, content: TimeoutsIn<T>[K]) => Next<T> }
  >;
  readonly calls?: {
    readonly [K in keyof T["calls"]]?: (
      ctx: StatemContext<T>,
      ...args: Parameters<T["calls"][K]>
    ) => Next<T, ReturnType<T["calls"][K]>>;
  };
  readonly casts?: HandlersOf<T, T["casts"]>;
  /** DOWN, EXIT, and whatever was sent as a plain message. */
  readonly info?: (ctx: StatemContext<T>, message: SystemMessage | InfoIn<T>) => Next<T>;
  readonly internal?: Declared<InternalIn<T>, HandlersOf<T, InternalIn<T>>>;
}

/** From `init`: where the machine begins, and what comes with it. */
export interface StatemStart<T extends StatemTypes> {
  readonly state: T["state"];
  readonly data: T["data"];
  readonly options?: Omit<TransitionOptions<never, T>, "reply" | "replies" | "postpone">;
}

/** What `formatStatus` is given: everything about the machine that a report could show. */
export interface StatemStatus<T extends StatemTypes> {
  readonly state: T["state"];
  readonly data: T["data"];
  /** Events inserted or taken back that wait, and those postponed: a message, or `[name, ...arguments]`. Oldest first. */
  readonly queue: readonly unknown[];
  readonly postponed: readonly unknown[];
  readonly timeouts: readonly { readonly name: string; readonly content: unknown }[];
}

export interface StatemModule<T extends StatemTypes, Args extends readonly unknown[]> extends StatemHandlers<T> {
  /** The module's name in crash reports, code upgrades and on the wire. */
  readonly name: string;
  readonly version?: string;
  /** The first state and data, or `ignore()`, `stop(reason)`. `self()` works in it. */
  readonly init: (...args: Args) => MaybePromise<StatemStart<T> | Ignore | Stop<never, never>>;
  readonly states: { readonly [State in T["state"]]: StatemHandlers<T> };
  /**
   * What becomes of an event that neither its state nor the module handles.
   *
   * - `"crash"`: the machine ends, as by OTP's function_clause.
   * - `"postpone"`: it waits for the next state.
   * - `"drop"`: it is forgotten; a call fails at its caller with `INTERLOCK_UNDEFINED_CALLBACK`.
   *
   * Absent: a DOWN, an EXIT or a plain message is reported and dropped, as a server does; any other event is a crash.
   */
  readonly unhandled?: "crash" | "postpone" | "drop";
  /** Runs when the machine stops by itself or crashes; on exit signals only when it traps them, as in OTP. */
  readonly terminate?: (ctx: StatemContext<T>, reason: ExitReason) => MaybePromise<void>;
  /** Renames state and data of an older version; nothing is entered and no event taken back by it. */
  readonly codeChange?: (
    oldVersion: string,
    oldState: string,
    oldData: unknown,
  ) => MaybePromise<{ readonly state: T["state"]; readonly data: T["data"] }>;
  /** What reports and `sys.getStatus` show: leave secrets out. */
  readonly formatStatus?: (status: StatemStatus<T>) => unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the top of the lattice of modules
export type AnyStatemModule = StatemModule<any, any>;

export interface StatemRef<T extends StatemTypes> extends AsyncDisposable {
  /** **Errors** `INTERLOCK_NOPROC` for a name that nobody has. */
  readonly pid: Pid<InfoIn<T>>;
  readonly call: {
    readonly [K in keyof T["calls"]]: (...args: Parameters<T["calls"][K]>) => Promise<ReturnType<T["calls"][K]>>;
  };
  readonly cast: { readonly [K in keyof T["casts"]]: (...args: Parameters<T["casts"][K]>) => void };
  /** The same machine, called with these options. */
  with(options: CallOptions): StatemRef<T>;
  /**
   * Stops the machine: terminate runs, then it ends with `reason` (default `"normal"`). Resolves when it has.
   *
   * **Errors** `INTERLOCK_NOPROC`, `INTERLOCK_TIMEOUT`, `INTERLOCK_CALLEE_EXIT` when it ended otherwise.
   */
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
}

export interface GenStatem<T extends StatemTypes, Args extends readonly unknown[]> extends Start<Args, StatemRef<T>> {
  readonly module: StatemModule<T, Args>;
  /** Start with a name; arguments follow. */
  named(name: Name, options?: { readonly mailbox?: MailboxOptions }): Start<Args, StatemRef<T>>;
  /** A reference to a running machine. */
  at(target: Name | Pid<InfoIn<T>>): StatemRef<T>;
  /** How a supervisor starts one. */
  child(args: Args, options?: ChildOptions): ChildSpec;
}

/**
 * Makes a state machine of its types and a module. Events come in OTP's order: inserted ones, then those that a state
 * change has taken back from being postponed, then timeouts of 0 ms, then the mailbox.
 *
 * @example
 * interface Door extends StatemTypes {
 *   state: "locked" | "open";
 *   data: { readonly code: string };
 *   calls: { unlock(code: string): boolean };
 *   casts: { slam(): void };
 * }
 * const Door = genStatem<Door>()({
 *   name: "door",
 *   init: (code: string) => ({ state: "locked", data: { code } }),
 *   states: {
 *     locked: {
 *       calls: {
 *         unlock: (ctx, code) =>
 *           code === ctx.data.code
 *             ? ctx.next("open", ctx.data, { reply: true, stateTimeoutMs: 10_000 })
 *             : ctx.keep(ctx.data, { reply: false }),
 *       },
 *     },
 *     open: { stateTimeout: (ctx) => ctx.next("locked"), casts: { slam: (ctx) => ctx.next("locked") } },
 *   },
 * });
 * const door = await Door.startLink("1234");
 * console.log(await door.call.unlock("4321")); // false
 * console.log(await door.call.unlock("1234")); // true
 * await door.stop();
 */
export function genStatem<T extends StatemTypes>(): <Args extends readonly unknown[]>(
  module: StatemModule<T, Args>,
) => GenStatem<T, Args> {
  return makeGenStatem;
}

function makeGenStatem<T extends StatemTypes, Args extends readonly unknown[]>(
  module: StatemModule<T, Args>,
): GenStatem<T, Args> {
  const body = new StatemBody(module);
  // The client has the operations that some state handles: types do not tell their names at run time.
  const client = clientOf<never, never, InfoIn<T>>(body.definition.calls, body.definition.casts) as unknown as (
    target: Name | Pid<InfoIn<T>>,
  ) => StatemRef<T>;
  const starts = startWith<Args, StatemRef<T>>(body, client as (target: Pid) => StatemRef<T>);
  return {
    module,
    ...starts(undefined),
    named: (name, options) => starts(checkedName(name), options?.mailbox),
    at: (target) => client(target),
    child: (args, options) => childSpec(body, module.name, args, options),
  };
}
