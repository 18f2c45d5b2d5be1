/**
 * One callback of a server, run as the plain function it is: no process, no runtime. What the callback does through
 * `ctx` is written down instead of done; what needs a running process throws.
 */
import {
  badReturn,
  type Context,
  type GenServer,
  type GenServerModule,
  undefinedCallback,
} from "../behaviour/gen-server.ts";
import {
  type After,
  type From,
  KEEP,
  type Later,
  type NoReply,
  type Reply,
  Result,
  type Stop,
} from "../behaviour/reply.ts";
import { badArgument } from "../errors.ts";
import { type ExitReason, ProcessExit } from "../process/exit-reason.ts";
import type { Matcher } from "../process/matcher.ts";
import type { Monitor } from "../process/monitor.ts";
import { LocalPid, makeRef, type Pid, type Ref } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import type { Self } from "../process/self.ts";
import type { Down, Exit, SystemMessage } from "../process/signal.ts";
import type { Timer } from "../process/timer.ts";

/** What a callback did through `ctx`, in order. */
export type StepEffect =
  | { readonly type: "reply"; readonly to: From<never>; readonly value: unknown }
  | { readonly type: "sendAfter"; readonly ref: Ref; readonly delayMs: number; readonly message: unknown }
  | { readonly type: "cancelTimer"; readonly ref: Ref }
  | { readonly type: "monitor"; readonly ref: Ref; readonly target: unknown }
  | { readonly type: "demonitor"; readonly ref: Ref }
  | { readonly type: "link" | "unlink"; readonly pid: Pid }
  | { readonly type: "trapExit"; readonly on: boolean }
  | { readonly type: "own"; readonly resource: unknown }
  | { readonly type: "setLabel"; readonly label: unknown };

interface Outcome<S> {
  /** After the callback. */
  readonly state: S;
  readonly effects: readonly StepEffect[];
}

/** It answered. */
export interface ReplyStep<R, S> extends Outcome<S> {
  readonly kind: "reply";
  readonly reply: R;
  readonly after: After<unknown> | undefined;
}

/** It answered nothing: a cast, a message, or a call that is answered later. */
export interface NoReplyStep<S> extends Outcome<S> {
  readonly kind: "noreply";
  readonly after: After<unknown> | undefined;
}

/** It will answer later; the `reply` effect of another step has this `from`, if the callback took it. */
export interface LaterStep<S> extends Outcome<S> {
  readonly kind: "later";
  readonly from: From<never> | undefined;
}

/** It ended the server. */
export interface StopStep<R, S> extends Outcome<S> {
  readonly kind: "stop";
  readonly reason: ExitReason;
  /** What a call was answered before the end. */
  readonly reply: [R] extends [never] ? undefined : R;
}

type OutcomeOf<X, S> =
  X extends Reply<infer R, unknown, unknown>
    ? ReplyStep<R, S>
    : X extends Later<unknown, unknown>
      ? LaterStep<S>
      : X extends Stop<infer R, unknown>
        ? StopStep<R, S>
        : X extends NoReply<unknown, unknown>
          ? NoReplyStep<S>
          : never;

type SteppedBy<X, S> = X extends PromiseLike<infer Y> ? Promise<OutcomeOf<Y, S>> : OutcomeOf<X, S>;

type ArgsOf<H> = H extends (ctx: never, ...args: infer A) => unknown ? A : never;
type ResultOf<H> = H extends (...args: never) => infer X ? X : never;

type Steps<Handlers, S> = {
  readonly [K in keyof Handlers]: (...args: ArgsOf<Handlers[K]>) => SteppedBy<ResultOf<Handlers[K]>, S>;
};

type MessageOutcome<S> = NoReplyStep<S> | StopStep<never, S>;

/** The callbacks of a server, each to be run once from the given state. */
export interface ServerSteps<S, Calls, Casts, Info> {
  readonly call: Steps<Calls, S>;
  readonly cast: Steps<Casts, S>;
  /** A message that is neither: a DOWN, an EXIT, whatever was sent. */
  info(message: SystemMessage | Info): MessageOutcome<S> | Promise<MessageOutcome<S>>;
  /** One of the `continues`. */
  continue(name: string, ...args: readonly unknown[]): MessageOutcome<S> | Promise<MessageOutcome<S>>;
}

type Handler = (ctx: Context<unknown>, ...args: readonly unknown[]) => unknown;
type Handlers = Readonly<Record<string, Handler>>;
// biome-ignore lint/suspicious/noExplicitAny: the top of the lattice of modules
type AnyModule = GenServerModule<any, any, any, any, any, any>;

/**
 * Runs one callback of a server as a plain function, with no process: for unit tests of what a server decides. What the
 * callback throws is thrown; an async callback gives a promise. Effects of `ctx` are listed, not done; those that need a
 * running process (`receive`, `task`, `alias`) throw, and so does the ambient `self()`.
 *
 * **Errors** `INTERLOCK_UNDEFINED_CALLBACK`, `INTERLOCK_BAD_RETURN`, as the process would end with.
 *
 * @example
 * const Bank = genServer({
 *   name: "bank",
 *   init: (): { readonly balance: number } => ({ balance: 0 }),
 *   calls: {
 *     deposit({ state }, amount: number) {
 *       const balance = state.balance + amount;
 *       return reply(balance, { balance });
 *     },
 *   },
 * });
 * const after = step(Bank, { balance: 100 }).call.deposit(5);
 * console.log(after.reply, after.state); // 105 { balance: 105 }
 */
export function step<Args extends readonly unknown[], S, Calls, Casts, Info>(
  server: GenServer<Args, S, Calls, Casts, Info>,
  state: NoInfer<S>,
): ServerSteps<S, Calls, Casts, Info> {
  const module: AnyModule = server.module;
  const run = (kind: Kind, name: string, handler: Handler | undefined, args: readonly unknown[]): never => {
    if (handler === undefined) throw undefinedCallback(module.name, name);
    const bench = new Bench(state, kind === "call");
    const given = handler(bench.context, ...args);
    const conclude = (result: unknown): unknown => outcomeOf(module.name, kind, name, bench, result);
    return (isThenable(given) ? given.then(conclude) : conclude(given)) as never;
  };
  const stepsOf = (kind: Kind, handlers: Handlers): never =>
    Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        (...args: readonly unknown[]) => run(kind, name, handler, args),
      ]),
    ) as never;
  const continues = (module.continues ?? {}) as Handlers;
  return {
    call: stepsOf("call", (module.calls ?? {}) as Handlers),
    cast: stepsOf("cast", (module.casts ?? {}) as Handlers),
    info: (message) => run("info", "info", module.info as Handler | undefined, [message]),
    continue: (name, ...args) =>
      run("continue", name, Object.hasOwn(continues, name) ? continues[name] : undefined, args),
  };
}

type Kind = "call" | "cast" | "info" | "continue";

function outcomeOf(label: string, kind: Kind, name: string, bench: Bench, result: unknown): unknown {
  const isAllowed =
    result instanceof Result && (kind === "call" ? result.kind !== "ready" : ["noreply", "stop"].includes(result.kind));
  if (!isAllowed) throw badReturn(label, name, result);
  const { after, reason, value } = result;
  const common = { state: result.state === KEEP ? bench.context.state : result.state, effects: bench.effects };
  switch (result.kind) {
    case "reply":
      return { kind: "reply", reply: value, ...common, after };
    case "noreply":
      return { kind: "noreply", ...common, after };
    case "later":
      return { kind: "later", ...common, from: bench.from };
    case "stop":
      return { kind: "stop", reason, reply: value === KEEP ? undefined : value, ...common };
    default:
      throw badReturn(label, name, result);
  }
}

/** Stands in for the process of one step. */
class Bench {
  readonly effects: StepEffect[] = [];
  readonly context: Context<unknown>;
  /** What `ctx.from()` gave. */
  from: From<never> | undefined = undefined;

  constructor(state: unknown, isCall: boolean) {
    const self = this.#self();
    this.context = {
      state,
      self,
      signal: self.signal,
      from: <R>(): From<R> => {
        if (!isCall) throw badArgument("ctx.from()", "a use outside a call", "a use in a call handler");
        // Like a reference: of no use but to be given back.
        this.from ??= makeRef() as unknown as From<never>;
        return this.from as From<R>;
      },
      reply: (to, value) => void this.effects.push({ type: "reply", to: to as From<never>, value }),
    };
  }

  #self(): Self<unknown> {
    const { effects } = this;
    const pid: Pid<unknown> = new LocalPid<unknown>(
      { name: "nonode@nohost", index: 0, route: undefined },
      0,
      undefined,
    );
    const needsProcess = (what: string): never => {
      throw badArgument(`self.${what}`, "a use in step()", "used by a running process: start the server for this test");
    };
    return {
      pid,
      signal: new AbortController().signal,
      receive: () => needsProcess("receive"),
      alias: () => needsProcess("alias"),
      task: () => needsProcess("task"),
      link: (to) => void effects.push({ type: "link", pid: to }),
      unlink: (from) => void effects.push({ type: "unlink", pid: from }),
      monitor: ((target: unknown) => {
        const ref = makeRef();
        effects.push({ type: "monitor", ref, target });
        const down: Matcher<Down> = { matches: (message) => (message as Partial<Down> | null)?.ref === ref };
        return {
          ref,
          down,
          demonitor: () => {
            effects.push({ type: "demonitor", ref });
            return true;
          },
        } satisfies Monitor;
      }) as Self<unknown>["monitor"],
      trapExit: (on = true) => {
        effects.push({ type: "trapExit", on });
        const exits: Matcher<Exit> = { matches: (message) => (message as Partial<Exit> | null)?.type === "EXIT" };
        return exits;
      },
      sendAfter: (delayMs, message) => {
        const ref = makeRef();
        effects.push({ type: "sendAfter", ref, delayMs, message });
        const cancel = (): number => {
          effects.push({ type: "cancelTimer", ref });
          return delayMs;
        };
        return { ref, cancel, read: () => delayMs } satisfies Timer;
      },
      exit: (reason) => {
        throw new ProcessExit(pid.toString(), reason);
      },
      own: (resource) => {
        effects.push({ type: "own", resource });
        return resource;
      },
      setLabel: (label) => void effects.push({ type: "setLabel", label }),
    };
  }
}
