/**
 * gen_server: a server is a value, its client is derived from it. State changes by return only.
 * @see gen_server(3)
 */
import { InterlockError } from "../errors.ts";
import { checkedName, type Name } from "../naming/name.ts";
import type { InlineCall, PendingCall } from "../process/call.ts";
import { type ExitReason, fenceError, showReason } from "../process/exit-reason.ts";
import { deepFreeze } from "../process/freeze.ts";
import { CALL, CAST, Envelope, INLINE_CALL, type MailboxOptions, SIGNAL } from "../process/mailbox.ts";
import type { Pid } from "../process/pid.ts";
import { HIBERNATED, type Process, QUEUED } from "../process/process.ts";
import type { Self } from "../process/self.ts";
import { selfOf, signalOf } from "../process/self.ts";
import type { SystemMessage } from "../process/signal.ts";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.ts";
import { clientOf, type ServerRef } from "./client.ts";
import { Debug } from "./debug.ts";
import { GenBody } from "./gen.ts";
import {
  type After,
  type From,
  type Ignore,
  KEEP,
  type Later,
  NOTHING,
  type NoReply,
  type Ready,
  type Reply,
  Result,
  type Stop,
} from "./reply.ts";
import { type Start, startWith } from "./start.ts";

type MaybePromise<T> = T | Promise<T>;

/** What a callback is given: the state and the process. One object per process, reused for every message. */
export interface Context<out S> {
  readonly state: S;
  readonly self: Self<unknown>;
  readonly signal: AbortSignal;
  /** Whom to answer later. Only while a call is being handled. */
  readonly from: <R>() => From<R>;
  /** Answers a call whose `from` was kept. From anywhere; a second or late answer is dropped. */
  readonly reply: <R>(to: From<R>, value: R) => void;
}

type CallHandlers<S, C> = Record<
  string,
  (
    ctx: Context<S>,
    // biome-ignore lint/suspicious/noExplicitAny: each handler declares its own arguments
    ...args: any[]
  ) => MaybePromise<Reply<unknown, S, C> | Later<unknown, S> | NoReply<S, C> | Stop<unknown, S>>
>;
type CastHandlers<S, C> = Record<
  string,
  (
    ctx: Context<S>,
    // biome-ignore lint/suspicious/noExplicitAny: each handler declares its own arguments
    ...args: any[]
  ) => MaybePromise<NoReply<S, C> | Stop<never, S>>
>;
// biome-ignore lint/complexity/noBannedTypes: the empty handler set
export type None = {};

type ArgsOf<H> = H extends (ctx: never, ...args: infer A) => unknown ? A : never;
/** `[name, ...arguments]` of one of the `continues`. */
export type ContinueOf<Continues> = { [K in keyof Continues]: readonly [K, ...ArgsOf<Continues[K]>] }[keyof Continues];

/** From `init` and from a continuation itself: inference cannot look at `continues` from there, so the name is not checked. */
type AnyContinue = readonly [string, ...unknown[]];

export interface GenServerModule<Args extends readonly unknown[], S, Calls, Casts, Info, Continues = None> {
  /** The module's name in crash reports, code upgrades and on the wire. */
  readonly name: string;
  readonly version?: string;
  /** The first state, or `ready(state, after)`, `ignore()`, `stop(reason)`. `self()` works in it. */
  readonly init: (...args: Args) => MaybePromise<S | Ready<S, AnyContinue> | Ignore | Stop<never, never>>;
  // The intersection is the inference trick: `Calls` is inferred from the literal, and the second half types `ctx`.
  readonly calls?: Calls & {
    readonly [K in keyof Calls]: CallHandlers<NoInfer<S>, NoInfer<ContinueOf<Continues>>>[string];
  };
  readonly casts?: Casts & {
    readonly [K in keyof Casts]: CastHandlers<NoInfer<S>, NoInfer<ContinueOf<Continues>>>[string];
  };
  readonly continues?: Continues & {
    readonly [K in keyof Continues]: CastHandlers<NoInfer<S>, AnyContinue>[string];
  };
  /** DOWN, EXIT, timeout, and whatever was sent as a plain message. Absent: a message is reported and dropped. */
  readonly info?: (
    ctx: Context<NoInfer<S>>,
    message: SystemMessage | Info,
  ) => MaybePromise<NoReply<NoInfer<S>, NoInfer<ContinueOf<Continues>>> | Stop<never, NoInfer<S>>>;
  /** Runs when the server stops by itself or crashes; on exit signals only when it traps them, as in OTP. */
  readonly terminate?: (ctx: Context<NoInfer<S>>, reason: ExitReason) => MaybePromise<void>;
  readonly codeChange?: (oldVersion: string, oldState: unknown) => MaybePromise<NoInfer<S>>;
  /** What reports and `sys.getStatus` show instead of the state: leave secrets out. */
  readonly formatStatus?: (state: NoInfer<S>) => unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the top of the lattice of modules
type AnyModule = GenServerModule<any, any, any, any, any, any>;
type Handler = (ctx: Context<unknown>, ...args: readonly unknown[]) => unknown;
type Handlers = Readonly<Record<string, Handler | undefined>>;

export interface GenServer<Args extends readonly unknown[], S, Calls, Casts, Info>
  extends Start<Args, ServerRef<Calls, Casts, Info>> {
  // biome-ignore lint/suspicious/noExplicitAny: continues are the module's own business
  readonly module: GenServerModule<Args, S, Calls, Casts, Info, any>;
  /** Start with a name; arguments follow. */
  named(name: Name, options?: { readonly mailbox?: MailboxOptions }): Start<Args, ServerRef<Calls, Casts, Info>>;
  /** A reference to a running server. */
  at(target: Name | Pid<Info>): ServerRef<Calls, Casts, Info>;
  /** How a supervisor starts one. */
  child(args: Args, options?: ChildOptions): ChildSpec;
}

// biome-ignore lint/suspicious/noExplicitAny: the top of the type lattice
export type AnyGenServer = GenServer<any, any, any, any, never>;
export type RefOf<G extends AnyGenServer> = ReturnType<G["at"]>;
export type StateOf<G> = G extends GenServer<infer _A, infer S, infer _C, infer _D, infer _I> ? S : never;

/** What few servers have: a continuation, a timeout, somebody who looks. */
class ServerExtras {
  continuation: Envelope | undefined = undefined;
  timeout: { cancel(): unknown } | undefined = undefined;
  debug: Debug | undefined = undefined;
  /** Its own module after a code change of this process alone. */
  module: AnyModule | undefined = undefined;
}

/** A continuation stands before the mailbox; its handler is looked up in `continues`. */
const CONTINUE = 6;

class ServerContext implements Context<unknown> {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  get state(): unknown {
    if (!this.#process.alive) throw fenceError(this.#process.pid.toString(), this.#process.exitReason);
    return this.#process.state;
  }

  get self(): Self<unknown> {
    return selfOf(this.#process);
  }

  get signal(): AbortSignal {
    return signalOf(this.#process);
  }

  from<R>(): From<R> {
    return takeFrom(this.#process) as unknown as From<R>;
  }

  reply<R>(to: From<R>, value: R): void {
    if (this.#process.node.freeze) deepFreeze(value);
    (to as unknown as PendingCall).reply(value);
  }
}

/** The call being handled, to be answered later: its caller hears of the server's end until then. */
export function takeFrom(process: Process): PendingCall {
  const current = process.alive ? (process.current as Envelope | undefined) : undefined;
  if (current === undefined || (current.kind !== CALL && current.kind !== INLINE_CALL))
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", "ctx.from() belongs in a call handler, before its first await", {
      argument: "ctx.from()",
      got: "a use outside a call",
      expected: "a call being handled",
    });
  const call = current.kind === INLINE_CALL ? (current as InlineCall).pending(process) : (current as PendingCall);
  deferCall(process, call);
  return call;
}

function deferCall(process: Process, call: PendingCall): void {
  if (call.deferred || call.settled) return;
  call.deferred = true;
  const extras = process.more();
  extras.deferred ??= new Set();
  extras.deferred.add(call);
}

export class ServerBody extends GenBody {
  readonly label: string;
  module: AnyModule;
  #calls: Handlers;
  #casts: Handlers;

  constructor(module: AnyModule) {
    super();
    this.label = module.name;
    this.module = module;
    this.#calls = (module.calls ?? {}) as Handlers;
    this.#casts = (module.casts ?? {}) as Handlers;
  }

  init(_process: Process, args: readonly unknown[]): unknown {
    const { init } = this.module;
    if (typeof init !== "function") throw undefinedCallback(this.label, "init");
    return init(...args);
  }

  ready(process: Process, result: unknown): true | "ignore" | { readonly stop: ExitReason } {
    process.face = new ServerContext(process);
    if (!(result instanceof Result)) {
      process.state = result;
      return true;
    }
    if (result.kind === "ready") {
      process.state = result.state;
      if (result.after !== undefined) this.#after(process, result.after);
      return true;
    }
    if (result.kind === "ignore") return "ignore";
    if (result.kind === "stop") return { stop: result.reason };
    throw badReturn(this.label, "init", result);
  }

  invoke(process: Process, envelope: Envelope): unknown {
    if (process.extras?.behaviour !== undefined) this.#disarm(process.extras.behaviour as ServerExtras);
    const ctx = process.face as Context<unknown>;
    const { args } = envelope;
    if (args === undefined) {
      const { info } = this.#moduleOf(process);
      if (info !== undefined) return info(ctx, envelope.payload);
      this.#unexpected(process, envelope.payload);
      return NOTHING;
    }
    const operation = envelope.payload as string;
    const handler = this.#handler(process, envelope.kind, operation);
    if (handler === undefined) throw undefinedCallback(this.label, operation);
    // Not spread: with up to three arguments a plain call is half the price.
    switch (args.length) {
      case 0:
        return handler(ctx);
      case 1:
        return handler(ctx, args[0]);
      case 2:
        return handler(ctx, args[0], args[1]);
      default:
        return handler(ctx, ...args);
    }
  }

  apply(process: Process, envelope: Envelope, result: unknown): void {
    if (!(result instanceof Result))
      throw badReturn(this.label, String(envelope.args === undefined ? "info" : envelope.payload), result);
    const isCall = envelope.kind === CALL || envelope.kind === INLINE_CALL;
    if (result.state !== KEEP) process.state = result.state;
    switch (result.kind) {
      case "reply":
        if (!isCall) throw badReturn(this.label, String(envelope.payload), result);
        this.#answer(process, envelope, result.value);
        break;
      case "noreply":
      case "later":
        if (isCall) this.#answerLater(process, envelope);
        break;
      case "stop":
        if (isCall && result.value !== KEEP) this.#answer(process, envelope, result.value);
        process.current = envelope; // For the crash report.
        this.stop(process, result.reason);
        return;
      default:
        throw badReturn(this.label, String(envelope.payload), result);
    }
    if (process.extras?.behaviour !== undefined)
      (process.extras.behaviour as ServerExtras).debug?.emit({ type: "state", state: process.state });
    if (result.after !== undefined) this.#after(process, result.after);
  }

  terminate(process: Process, reason: ExitReason): unknown {
    const { terminate } = this.#moduleOf(process);
    return terminate?.(process.face as Context<unknown>, reason);
  }

  async codeChange(process: Process, oldVersion: string, replacement: unknown): Promise<void> {
    const module = (replacement as { module: AnyModule } | undefined)?.module ?? this.#moduleOf(process);
    if (module.codeChange !== undefined) process.state = await module.codeChange(oldVersion, process.state);
    this.#extras(process).module = module;
  }

  status(process: Process): unknown {
    const { formatStatus } = this.#moduleOf(process);
    return formatStatus === undefined ? process.state : formatStatus(process.state);
  }

  getState(process: Process): unknown {
    return process.state;
  }

  setState(process: Process, state: unknown): void {
    process.state = state;
  }

  debugOf(process: Process): Debug {
    const extras = this.#extras(process);
    extras.debug ??= new Debug();
    return extras.debug;
  }

  protected override debug(process: Process): Debug | undefined {
    return (process.extras?.behaviour as ServerExtras | undefined)?.debug;
  }

  protected override next(process: Process): Envelope | undefined {
    const extras = process.extras?.behaviour as ServerExtras | undefined;
    if (extras?.continuation === undefined) return process.take();
    const continuation = extras.continuation;
    extras.continuation = undefined;
    return continuation;
  }

  protected override hasNext(process: Process): boolean {
    return (
      process.head !== undefined || (process.extras?.behaviour as ServerExtras | undefined)?.continuation !== undefined
    );
  }

  /** A continuation belongs to the message before it: it is no message that the process could be suspended in front of. */
  protected override nextSuspended(process: Process): Envelope | undefined {
    const continues = (process.extras?.behaviour as ServerExtras | undefined)?.continuation !== undefined;
    return continues ? this.next(process) : super.nextSuspended(process);
  }

  #handler(process: Process, kind: number, operation: string): Handler | undefined {
    const own = (process.extras?.behaviour as ServerExtras | undefined)?.module;
    if (kind === CONTINUE) return ownProperty(((own ?? this.module).continues ?? {}) as Handlers, operation);
    if (own !== undefined) return ownProperty(((kind === CAST ? own.casts : own.calls) ?? {}) as Handlers, operation);
    return kind === CAST ? this.#casts[operation] : this.#calls[operation];
  }

  #moduleOf(process: Process): AnyModule {
    return (process.extras?.behaviour as ServerExtras | undefined)?.module ?? this.module;
  }

  #answer(process: Process, envelope: Envelope, value: unknown): void {
    this.debug(process)?.replied(value);
    if (process.node.freeze) deepFreeze(value);
    (envelope as PendingCall | InlineCall).reply(value);
  }

  #answerLater(process: Process, envelope: Envelope): void {
    const call = envelope.kind === INLINE_CALL ? (envelope as InlineCall).pending(process) : (envelope as PendingCall);
    deferCall(process, call);
    // The caller waits for whoever answers, not for this server's handlers any more.
    call.edge = false;
  }

  #after(process: Process, after: After<unknown>): void {
    const { continueWith, hibernate, timeoutMs } = after;
    if (hibernate === true) hibernateProcess(process);
    if (continueWith !== undefined) {
      const [name, ...args] = continueWith as readonly [string, ...unknown[]];
      this.#extras(process).continuation = new Envelope(CONTINUE, name, args);
    }
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
    const extras = this.#extras(process);
    extras.timeout?.cancel();
    extras.timeout = process.node.after(timeoutMs, () => {
      extras.timeout = undefined;
      // OTP: a timeout is what happens when no message is there; one that waits goes first and cancels it.
      if (process.alive && process.head === undefined && (process.flags & QUEUED) === 0)
        process.deliver(new Envelope(SIGNAL, { type: "timeout" }, undefined));
    });
  }

  #disarm(extras: ServerExtras): void {
    if (extras.timeout === undefined) return;
    extras.timeout.cancel();
    extras.timeout = undefined;
  }

  #extras(process: Process): ServerExtras {
    const extras = process.more();
    extras.behaviour ??= new ServerExtras();
    return extras.behaviour as ServerExtras;
  }

  #unexpected(process: Process, message: unknown): void {
    process.node.report({
      type: "warning",
      pid: process.pid,
      label: this.label,
      text: "got a message and has no info handler",
      details: message,
      at: process.node.runtime.clock.wallTime(),
    });
  }

  override ended(process: Process): void {
    super.ended(process);
    const extras = process.extras?.behaviour as ServerExtras | undefined;
    if (extras !== undefined) this.#disarm(extras);
  }
}

function ownProperty(handlers: Handlers, name: string): Handler | undefined {
  return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
}

/** Frees what the next message can make again. */
export function hibernateProcess(process: Process): void {
  process.flags |= HIBERNATED;
  const { extras } = process;
  if (extras?.deferred?.size === 0) extras.deferred = undefined;
  if (extras?.timers?.size === 0) extras.timers = undefined;
}

export function undefinedCallback(label: string, callback: string): InterlockError<"INTERLOCK_UNDEFINED_CALLBACK"> {
  return new InterlockError("INTERLOCK_UNDEFINED_CALLBACK", `${label} has no callback ${callback}`, {
    label,
    callback,
  });
}

export function badReturn(label: string, callback: string, got: unknown): InterlockError<"INTERLOCK_BAD_RETURN"> {
  const shown = got instanceof Result ? `${got.kind}(…)` : showReason(got as ExitReason);
  return new InterlockError(
    "INTERLOCK_BAD_RETURN",
    `${callback} of ${label} returned ${shown}, which means nothing there`,
    {
      label,
      callback,
      got: shown,
    },
  );
}

/**
 * Makes a server of a module: `calls` are answered, `casts` are not, `info` gets everything else.
 *
 * @example
 * const Counter = genServer({
 *   name: "counter",
 *   init: (start: number): { readonly n: number } => ({ n: start }),
 *   calls: { next: ({ state }) => reply(state.n, { n: state.n + 1 }) },
 * });
 * const counter = await Counter.startLink(1);
 * console.log(await counter.call.next()); // 1
 */
export const genServer: GenServerFactory = Object.assign(
  <Args extends readonly unknown[], S, Calls = None, Casts = None, Info = never, Continues = None>(
    module: GenServerModule<Args, S, Calls, Casts, Info, Continues>,
  ): GenServer<Args, S, Calls, Casts, Info> => makeGenServer(module),
  { implementing: () => makeGenServer as never },
);

/** A protocol stated by itself, for `genServer.implementing`. */
export interface Protocol {
  // biome-ignore lint/suspicious/noExplicitAny: each call declares its own arguments
  readonly calls?: Record<string, (...args: any[]) => unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: each cast declares its own arguments
  readonly casts?: Record<string, (...args: any[]) => void>;
}

type HandlersOf<P, S> = {
  readonly [K in keyof P]: P[K] extends (...args: infer A) => infer R
    ? (ctx: Context<S>, ...args: A) => MaybePromise<Reply<R, S> | Later<R, S> | NoReply<S> | Stop<R, S>>
    : never;
};
type CastHandlersOf<P, S> = {
  readonly [K in keyof P]: P[K] extends (...args: infer A) => void
    ? (ctx: Context<S>, ...args: A) => MaybePromise<NoReply<S> | Stop<never, S>>
    : never;
};
type CallsIn<P extends Protocol> = P extends { readonly calls: infer C } ? C : None;
type CastsIn<P extends Protocol> = P extends { readonly casts: infer C } ? C : None;

export interface GenServerFactory {
  <Args extends readonly unknown[], S, Calls = None, Casts = None, Info = never, Continues = None>(
    module: GenServerModule<Args, S, Calls, Casts, Info, Continues>,
  ): GenServer<Args, S, Calls, Casts, Info>;
  /** Types first: a server that answers a protocol kept elsewhere. */
  implementing<P extends Protocol>(): <Args extends readonly unknown[], S>(
    module: Omit<GenServerModule<Args, S, None, None, never>, "calls" | "casts"> & {
      readonly calls: HandlersOf<CallsIn<P>, NoInfer<S>>;
      readonly casts?: CastHandlersOf<CastsIn<P>, NoInfer<S>>;
    },
  ) => GenServer<Args, S, HandlersOf<CallsIn<P>, S>, CastHandlersOf<CastsIn<P>, S>, never>;
}

function makeGenServer<Args extends readonly unknown[], S, Calls, Casts, Info, Continues>(
  module: GenServerModule<Args, S, Calls, Casts, Info, Continues>,
): GenServer<Args, S, Calls, Casts, Info> {
  const body = new ServerBody(module);
  const client = clientOf<Calls, Casts, Info>(module.calls, module.casts);
  const starts = startWith<Args, ServerRef<Calls, Casts, Info>>(body, client);
  return {
    module,
    ...starts(undefined),
    named: (name, options) => starts(checkedName(name), options?.mailbox),
    at: (target) => client(target),
    child: (args, options) => childSpec(body, module.name, args, options),
  };
}
