/**
 * gen_event: a process that hands each event to all of its handlers. Handlers are values, added and removed while it
 * runs; one that fails is removed alone.
 * @see gen_event(3)
 */
import { badArgument } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import { currentProcess } from "../process/context.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import type { LocalPid, Pid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import { type Process, TRAP_EXIT } from "../process/process.ts";
import type { Self } from "../process/self.ts";
import { fence } from "../process/send.ts";
import type { SystemMessage } from "../process/signal.ts";
import type { ChildOptions, ChildSpec } from "./child-spec.ts";
import type { CallOptions } from "./client.ts";
import { type Answer, EventManagerState } from "./gen-event-manager.ts";
import { genServer } from "./gen-server.ts";
import { KEEP, type NoReply, noreply, type Reply, Result, reply } from "./reply.ts";
import type { Start } from "./start.ts";

type MaybePromise<T> = T | Promise<T>;

/** What a callback of a handler is given: its own state, and the manager's process. */
export interface EventContext<out S> {
  readonly state: S;
  readonly self: Self<unknown>;
  readonly signal: AbortSignal;
}

/** From a callback: this handler is done. In a call `value` is answered first. */
export interface RemoveHandler<out R = never> {
  readonly kind: "remove_handler";
  readonly value?: R;
}

/** Ends the handler whose callback returns this; its `terminate` runs. */
export function removeHandler(): RemoveHandler;
export function removeHandler<R>(answer: { readonly value: R }): RemoveHandler<R>;
export function removeHandler(answer?: { readonly value: unknown }): never {
  return new Result("remove_handler", answer?.value, KEEP, undefined, undefined) as never;
}

/**
 * Why `terminate` runs: `deleteHandler` or `swapHandler` with its argument, the handler's own `removeHandler()`, the end of
 * the manager or of a supervised handler's owner, or a failure.
 */
export type HandlerEnd =
  | { readonly type: "delete_handler"; readonly argument: unknown }
  | { readonly type: "remove_handler" }
  | { readonly type: "stop"; readonly reason: ExitReason }
  | { readonly type: "error"; readonly reason: ExitReason };

/** What the owner of a supervised handler is sent when that is gone. @see gen_event:add_sup_handler/3 */
export interface GenEventExit {
  readonly type: "gen_event_EXIT";
  readonly manager: Pid;
  readonly handler: string;
  /** `"normal"` when it was deleted or was done, `"shutdown"` with the manager, `{ swapped: handler }`, or its failure. */
  readonly reason: ExitReason;
}

export interface EventHandlerModule<Event, Args extends readonly unknown[], S, Request, Answered, Ended> {
  /** What `whichHandlers` and reports call it. */
  readonly name: string;
  readonly init: (...args: Args) => MaybePromise<S>;
  readonly event: (ctx: EventContext<NoInfer<S>>, event: Event) => MaybePromise<NoReply<NoInfer<S>> | RemoveHandler>;
  readonly call?: (
    ctx: EventContext<NoInfer<S>>,
    request: Request,
  ) => MaybePromise<Reply<Answered, NoInfer<S>> | RemoveHandler<Answered>>;
  /** Plain messages and signals of the manager's process go to all handlers. */
  readonly info?: (
    ctx: EventContext<NoInfer<S>>,
    message: unknown,
  ) => MaybePromise<NoReply<NoInfer<S>> | RemoveHandler>;
  /** What it returns is answered by `deleteHandler`, and handed on by `swapHandler`. */
  readonly terminate?: (ctx: EventContext<NoInfer<S>>, end: HandlerEnd) => MaybePromise<Ended>;
}

/** A handler, to be added to any number of managers. */
export interface EventHandler<in Event, in Args extends readonly unknown[], in Request, out Answered, out Ended> {
  /** For the compiler only. */
  readonly "~handles": (
    event: Event,
    args: Args,
    request: Request,
  ) => { readonly answered: Answered; readonly ended: Ended };
  readonly id: string;
  /** The same handler under another id: one manager may have several. @see gen_event's {Module, Id} */
  as(id: string): EventHandler<Event, Args, Request, Answered, Ended>;
}

// biome-ignore lint/suspicious/noExplicitAny: the top of the lattice of handlers
type AnyHandlerModule = EventHandlerModule<any, any, any, any, any, any>;

export class LocalEventHandler implements EventHandler<never, never, never, unknown, unknown> {
  declare readonly "~handles": (
    event: never,
    args: never,
    request: never,
  ) => { readonly answered: unknown; readonly ended: unknown };
  readonly id: string;
  readonly module: AnyHandlerModule;

  constructor(id: string, module: AnyHandlerModule) {
    this.id = id;
    this.module = module;
  }

  as(id: string): LocalEventHandler {
    return new LocalEventHandler(`${this.module.name}/${id}`, this.module);
  }
}

/**
 * Makes an event handler.
 *
 * @example
 * const lastAlarms = eventHandler({
 *   name: "last_alarms",
 *   init: (most: number): { readonly most: number; readonly alarms: readonly string[] } => ({ most, alarms: [] }),
 *   event: ({ state }, alarm: string) => noreply({ ...state, alarms: [alarm, ...state.alarms].slice(0, state.most) }),
 *   call: ({ state }, _request: "list") => reply(state.alarms),
 * });
 * const alarms = await genEvent<string>({ name: "alarms" }).startLink();
 * await alarms.addHandler(lastAlarms, 1);
 * await alarms.syncNotify("disk full");
 * await alarms.syncNotify("no network");
 * console.log(await alarms.call(lastAlarms, "list")); // [ 'no network' ]
 */
export function eventHandler<
  Event,
  Args extends readonly unknown[],
  S,
  Request = never,
  Answered = never,
  Ended = undefined,
>(
  module: EventHandlerModule<Event, Args, S, Request, Answered, Ended>,
): EventHandler<Event, Args, Request, Answered, Ended> {
  const { event, init, name } = module;
  if (typeof name !== "string" || name === "")
    throw badArgument("name of an event handler", name, "a non-empty string");
  if (typeof init !== "function") throw badArgument(`init of ${name}`, init, "a function");
  if (typeof event !== "function") throw badArgument(`event of ${name}`, event, "a function");
  return new LocalEventHandler(name, module) as never;
}

/** A running event manager. */
export interface EventManager<in Event> extends AsyncDisposable {
  /** **Errors** `INTERLOCK_NOPROC` for a name that nobody has. */
  readonly pid: Pid<unknown>;
  /** Hands `event` to all handlers and does not wait. To nobody it vanishes. */
  notify(event: Event): void;
  /** As `notify`; resolves when every handler has run. */
  syncNotify(event: Event): Promise<void>;
  /**
   * Installs a handler; resolves when its init is done.
   *
   * **Errors** `INTERLOCK_START_FAILED`, `INTERLOCK_BAD_ARGUMENT` when one of that id is installed.
   */
  addHandler<Args extends readonly unknown[]>(
    handler: EventHandler<Event, Args, never, unknown, unknown>,
    ...args: Args
  ): Promise<void>;
  /**
   * As `addHandler`, tied to the calling process: the handler goes when that ends, and it is sent a `GenEventExit` when the
   * handler goes for any other reason. Manager and process are linked.
   */
  addSupHandler<Args extends readonly unknown[]>(
    handler: EventHandler<Event, Args, never, unknown, unknown>,
    ...args: Args
  ): Promise<void>;
  /**
   * Removes a handler, whose `terminate` gets `argument`.
   * @returns what that returned.
   *
   * **Errors** `INTERLOCK_UNDEFINED_CALLBACK` when it is not installed, `INTERLOCK_CALLEE_EXIT` when terminate failed.
   */
  deleteHandler<Ended>(handler: EventHandler<Event, never, never, unknown, Ended>, argument?: unknown): Promise<Ended>;
  /**
   * Replaces a handler by another with no event between them. What the first one's `terminate` returned becomes arguments
   * of the second one's `init`; undefined when the first was not installed.
   *
   * @example
   * const counting = eventHandler({
   *   name: "counting",
   *   init: (): number => 0,
   *   event: ({ state }, _alarm: string) => noreply(state + 1),
   *   terminate: ({ state }) => state,
   * });
   * const printing = eventHandler({
   *   name: "printing",
   *   init: (counted: number): number => counted,
   *   event: ({ state }, alarm: string) => (console.log(state + 1, alarm), noreply(state + 1)), // 2 no network
   * });
   * const alarms = await genEvent<string>({ name: "alarms" }).startLink();
   * await alarms.addHandler(counting);
   * await alarms.syncNotify("disk full");
   * await alarms.swapHandler(counting, undefined, printing, (counted) => [counted ?? 0]);
   * await alarms.syncNotify("no network");
   */
  swapHandler<Ended, Args extends readonly unknown[]>(
    from: EventHandler<Event, never, never, unknown, Ended>,
    argument: unknown,
    to: EventHandler<Event, Args, never, unknown, unknown>,
    args: (ended: Ended | undefined) => readonly [...NoInfer<Args>],
  ): Promise<void>;
  /**
   * Asks one handler.
   *
   * **Errors** `INTERLOCK_UNDEFINED_CALLBACK` when it is not installed or has no `call`, `INTERLOCK_CALLEE_EXIT` when it failed.
   */
  call<Request, Answered>(
    handler: EventHandler<Event, never, Request, Answered, unknown>,
    request: NoInfer<Request>,
    options?: CallOptions,
  ): Promise<Answered>;
  /** The ids of the handlers, in the order in which they were added. */
  whichHandlers(): Promise<readonly string[]>;
  /** Stops the manager; `terminate` of each handler runs first. */
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
}

export interface GenEventModule {
  readonly name: string;
}

export interface GenEvent<in Event> extends Start<readonly [], EventManager<Event>> {
  readonly module: GenEventModule;
  named(name: Name): Start<readonly [], EventManager<Event>>;
  at(target: Name | Pid): EventManager<Event>;
  child(args?: readonly [], options?: ChildOptions): ChildSpec;
}

type Handler = LocalEventHandler;

/** A result of a callback, without a promise where there is none. */
function whenDone<T>(answer: MaybePromise<Answer>, result: (answer: Answer) => T): MaybePromise<T> {
  return isThenable(answer) ? (answer as Promise<Answer>).then(result) : result(answer as Answer);
}

function managerServer(name: string) {
  const answered = (answer: MaybePromise<Answer>) => whenDone(answer, (one) => reply(one));
  const done = (answer: MaybePromise<Answer>) => whenDone(answer, () => noreply());
  return genServer({
    name,
    init: (): EventManagerState => {
      const process = currentProcess() as Process;
      process.flags |= TRAP_EXIT;
      return new EventManagerState(process, name);
    },
    calls: {
      addHandler: ({ state }, handler: Handler, args: readonly unknown[], owner?: LocalPid) =>
        answered(state.add(handler, args, owner)),
      deleteHandler: ({ state }, handler: Handler, argument: unknown) => answered(state.delete(handler, argument)),
      swapHandler: (
        { state },
        from: Handler,
        argument: unknown,
        to: Handler,
        args: (ended: unknown) => readonly unknown[],
      ) => answered(state.swap(from, argument, to, args)),
      syncNotify: ({ state }, event: unknown) => answered(state.notify(event)),
      call: ({ state }, handler: Handler, request: unknown) => answered(state.call(handler, request)),
      whichHandlers: ({ state }) => answered({ value: state.which() }),
    },
    casts: {
      notify: ({ state }, event: unknown) => done(state.notify(event)),
    },
    info: ({ state }, message: SystemMessage) => done(state.info(message)),
    terminate: ({ state }) => whenDone(state.stopAll(), () => undefined),
    formatStatus: (state) => state.status(),
  });
}

type ManagerRef = ReturnType<ReturnType<typeof managerServer>["at"]>;

class ManagerClient implements EventManager<unknown> {
  readonly #ref: ManagerRef;
  readonly #patient: ManagerRef;

  constructor(ref: ManagerRef) {
    this.#ref = ref;
    this.#patient = ref.with({ timeoutMs: Number.POSITIVE_INFINITY });
  }

  get pid(): Pid<unknown> {
    return this.#ref.pid as Pid as Pid<unknown>;
  }

  notify(event: unknown): void {
    this.#ref.cast.notify(event);
  }

  async syncNotify(event: unknown): Promise<void> {
    unwrapped(await this.#patient.call.syncNotify(event));
  }

  async addHandler(handler: unknown, ...args: readonly unknown[]): Promise<void> {
    unwrapped(await this.#patient.call.addHandler(checked(handler), args));
  }

  async addSupHandler(handler: unknown, ...args: readonly unknown[]): Promise<void> {
    const owner = fence();
    if (owner === undefined)
      throw badArgument("addSupHandler()", "a call outside any process", "called by the process that owns the handler");
    unwrapped(await this.#patient.call.addHandler(checked(handler), args, owner.pid));
  }

  async deleteHandler<Ended>(handler: unknown, argument?: unknown): Promise<Ended> {
    return unwrapped(await this.#patient.call.deleteHandler(checked(handler), argument)) as Ended;
  }

  async swapHandler(
    from: unknown,
    argument: unknown,
    to: unknown,
    args: (ended: never) => readonly unknown[],
  ): Promise<void> {
    const argsFor = args as (ended: unknown) => readonly unknown[];
    unwrapped(await this.#patient.call.swapHandler(checked(from), argument, checked(to), argsFor));
  }

  async call<Answered>(handler: unknown, request: unknown, options: CallOptions = {}): Promise<Answered> {
    return unwrapped(await this.#ref.with(options).call.call(checked(handler), request)) as Answered;
  }

  async whichHandlers(): Promise<readonly string[]> {
    return unwrapped(await this.#patient.call.whichHandlers()) as readonly string[];
  }

  stop(reason?: ExitReason, timeoutMs?: number): Promise<void> {
    return this.#ref.stop(reason, timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ref[Symbol.asyncDispose]() as Promise<void>;
  }
}

function unwrapped(answer: Answer): unknown {
  if ("error" in answer) throw answer.error;
  return answer.value;
}

function checked(handler: unknown): LocalEventHandler {
  if (!(handler instanceof LocalEventHandler)) throw badArgument("handler", handler, "what eventHandler() made");
  return handler;
}

/**
 * Makes an event manager for events of one type.
 *
 * @example
 * type Alarm = { readonly type: "disk_full"; readonly disk: string };
 * const counting = eventHandler({
 *   name: "counting",
 *   init: (): number => 0,
 *   event: ({ state }, _alarm: Alarm) => noreply(state + 1),
 *   call: ({ state }, _request: "count") => reply(state),
 * });
 * const Alarms = genEvent<Alarm>({ name: "alarms" });
 * const alarms = await Alarms.startLink();
 * await alarms.addHandler(counting);
 * alarms.notify({ type: "disk_full", disk: "/dev/sda" });
 * console.log(await alarms.call(counting, "count")); // 1
 */
export function genEvent<Event>(module: GenEventModule): GenEvent<Event> {
  const server = managerServer(module.name);
  const client = (ref: ManagerRef): EventManager<Event> => new ManagerClient(ref) as EventManager<Event>;
  const wrapped = (starts: Start<[], ManagerRef>): Start<readonly [], EventManager<Event>> => ({
    start: async () => client(await starts.start()),
    startLink: async () => client(await starts.startLink()),
    startMonitor: async () => {
      const { monitor, ref } = await starts.startMonitor();
      return { ref: client(ref), monitor };
    },
  });
  return {
    module,
    ...wrapped(server),
    named: (name) => wrapped(server.named(name)),
    at: (target) => client(server.at(target as Name | Pid<SystemMessage>)),
    child: (_args, options) => server.child([], options),
  };
}
