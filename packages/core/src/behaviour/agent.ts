/**
 * Agents: a process that keeps a state, and runs what others want done with it. For state that has no protocol of its own;
 * a `genServer` says what may be asked, an agent does not.
 * @see https://hexdocs.pm/elixir/Agent.html
 */
import { badArgument } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import type { Pid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import type { ChildOptions, ChildSpec } from "./child-spec.ts";
import type { CallOptions } from "./client.ts";
import { genServer } from "./gen-server.ts";
import { noreply, reply } from "./reply.ts";
import type { Start } from "./start.ts";

type MaybePromise<T> = T | Promise<T>;

/**
 * A running agent. The functions run in the agent, one at a time: keep them short, or do the work outside. One that throws
 * ends the agent, and its caller gets `INTERLOCK_CALLEE_EXIT`.
 *
 * **Errors** also `INTERLOCK_CALL_TIMEOUT`, `INTERLOCK_NOPROC`.
 */
export interface AgentRef<S> extends AsyncDisposable {
  readonly pid: Pid;
  /** What `read` makes of the state. */
  get<R>(read: (state: S) => MaybePromise<R>): Promise<R>;
  /** Replaces the state; resolves when it is replaced. */
  update(next: (state: S) => MaybePromise<S>): Promise<void>;
  /** Replaces the state by the second of the pair and answers the first. */
  getAndUpdate<R>(next: (state: S) => MaybePromise<readonly [result: R, state: S]>): Promise<R>;
  /** Replaces the state and does not wait. */
  cast(next: (state: S) => MaybePromise<S>): void;
  /** The same agent, asked with these options. Default timeout 5 000 ms. */
  with(options: CallOptions): AgentRef<S>;
  stop(reason?: ExitReason, timeoutMs?: number): Promise<void>;
}

export interface AgentOptions {
  /** What reports call it. Default: the name of `init`, or `agent`. */
  readonly name?: string;
}

export interface Agent<Args extends readonly unknown[], S> extends Start<Args, AgentRef<S>> {
  named(name: Name): Start<Args, AgentRef<S>>;
  at(target: Name | Pid): AgentRef<S>;
  child(args: Args, options?: ChildOptions): ChildSpec;
}

type Step = (state: unknown) => unknown;

function agentServer(name: string, init: (...args: never) => unknown) {
  return genServer({
    name,
    init: (...args: readonly unknown[]): unknown => init(...(args as never)),
    calls: {
      get: ({ state }, read: Step) => whenDone(read(state), (value) => reply(value)),
      update: ({ state }, next: Step) => whenDone(next(state), (value) => reply(undefined, value)),
      getAndUpdate: ({ state }, next: Step) =>
        whenDone(next(state), (pair) => {
          if (!Array.isArray(pair) || pair.length !== 2)
            throw badArgument("the result of getAndUpdate", pair, "a pair: [result, state]");
          return reply(pair[0] as unknown, pair[1] as unknown);
        }),
    },
    casts: {
      cast: ({ state }, next: Step) => whenDone(next(state), (value) => noreply(value)),
    },
  });
}

/** The result of a callback, without a promise where there is none. */
function whenDone<R>(value: unknown, result: (value: unknown) => R): MaybePromise<R> {
  return isThenable(value) ? (value as Promise<unknown>).then(result) : result(value);
}

type AgentServerRef = ReturnType<ReturnType<typeof agentServer>["at"]>;

class LocalAgentRef<S> implements AgentRef<S> {
  readonly #server: AgentServerRef;

  constructor(server: AgentServerRef) {
    this.#server = server;
  }

  get pid(): Pid {
    return this.#server.pid;
  }

  async get<R>(read: (state: S) => MaybePromise<R>): Promise<R> {
    return (await this.#server.call.get(checked(read))) as R;
  }

  async update(next: (state: S) => MaybePromise<S>): Promise<void> {
    await this.#server.call.update(checked(next));
  }

  async getAndUpdate<R>(next: (state: S) => MaybePromise<readonly [result: R, state: S]>): Promise<R> {
    return (await this.#server.call.getAndUpdate(checked(next))) as R;
  }

  cast(next: (state: S) => MaybePromise<S>): void {
    this.#server.cast.cast(checked(next));
  }

  with(options: CallOptions): AgentRef<S> {
    return new LocalAgentRef(this.#server.with(options));
  }

  stop(reason?: ExitReason, timeoutMs?: number): Promise<void> {
    return this.#server.stop(reason, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** What is no function is the caller's mistake, and must not end the agent. */
function checked<S>(run: (state: S) => unknown): Step {
  if (typeof run !== "function") throw badArgument("the argument", run, "a function of the state");
  return run as Step;
}

/**
 * Makes an agent whose first state is what `init` gives.
 *
 * @example
 * const Visits = agent((start: number) => start, { name: "visits" });
 * const visits = await Visits.startLink(0);
 * await visits.update((count) => count + 1);
 * console.log(await visits.get((count) => count)); // 1
 */
export function agent<Args extends readonly unknown[], S>(
  init: (...args: Args) => MaybePromise<S>,
  options: AgentOptions = {},
): Agent<Args, S> {
  if (typeof init !== "function") throw badArgument("init", init, "a function that gives the first state");
  const server = agentServer(options.name ?? (init.name || "agent"), init);
  const refTo = (ref: AgentServerRef): AgentRef<S> => new LocalAgentRef(ref);
  const wrapped = (starts: Start<readonly unknown[], AgentServerRef>): Start<Args, AgentRef<S>> => ({
    start: async (...args) => refTo(await starts.start(...args)),
    startLink: async (...args) => refTo(await starts.startLink(...args)),
    startMonitor: async (...args) => {
      const { monitor, ref } = await starts.startMonitor(...args);
      return { ref: refTo(ref), monitor };
    },
  });
  return {
    ...wrapped(server),
    named: (name) => wrapped(server.named(name)),
    at: (target) => refTo(server.at(target)),
    child: (args, childOptions) => server.child(args as never, childOptions),
  };
}
