/**
 * What an event manager does with its handlers: runs them one after the other, keeps their states, and removes one that
 * fails without harm to the others. Nothing here waits unless a handler does.
 */
import { InterlockError, show } from "../errors.ts";
import { type ExitReason, reasonOf, showReason } from "../process/exit-reason.ts";
import { link, unlink } from "../process/link.ts";
import type { LocalPid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import type { Process } from "../process/process.ts";
import { type Self, selfOf, signalOf } from "../process/self.ts";
import { deliverMessage } from "../process/send.ts";
import type { Exit } from "../process/signal.ts";
import type { EventContext, GenEventExit, HandlerEnd, LocalEventHandler } from "./gen-event.ts";
import { badReturn, undefinedCallback } from "./gen-server.ts";
import { KEEP, Result } from "./reply.ts";

type MaybePromise<T> = T | Promise<T>;

/** What an operation answers: a value, or an error for its caller alone. */
export type Answer = { readonly value: unknown } | { readonly error: Error };

const DONE: Answer = { value: undefined };

/** An installed handler; it is the context of its callbacks, too. */
class Installed implements EventContext<unknown> {
  readonly handler: LocalEventHandler;
  state: unknown;
  /** Of a supervised handler: who is told of its end, and whose end is its own. */
  readonly owner: LocalPid | undefined;
  readonly #process: Process;

  constructor(process: Process, handler: LocalEventHandler, state: unknown, owner: LocalPid | undefined) {
    this.#process = process;
    this.handler = handler;
    this.state = state;
    this.owner = owner;
  }

  get self(): Self<unknown> {
    return selfOf(this.#process);
  }

  get signal(): AbortSignal {
    return signalOf(this.#process);
  }
}

/** Why a handler is removed, as its `terminate` and as its owner are told. */
interface Removal {
  readonly end: HandlerEnd;
  readonly told: ExitReason;
}

const REMOVED: Removal = { end: { type: "remove_handler" }, told: "normal" };

export class EventManagerState {
  readonly #process: Process;
  readonly #label: string;
  /** In the order in which they were added. */
  readonly #installed = new Map<string, Installed>();

  constructor(process: Process, label: string) {
    this.#process = process;
    this.#label = label;
  }

  add(handler: LocalEventHandler, args: readonly unknown[], owner: LocalPid | undefined): MaybePromise<Answer> {
    if (this.#installed.has(handler.id)) return { error: problem(this.#label, handler.id, "is installed already") };
    return attempt(
      () => handler.module.init(...args),
      (state): Answer => {
        this.#installed.set(handler.id, new Installed(this.#process, handler, state, owner));
        // OTP: the manager is linked with the owner. One that has ended meanwhile is met by its EXIT.
        if (owner !== undefined) link(this.#process, owner);
        return DONE;
      },
      (reason): Answer => ({ error: initFailed(this.#label, handler.id, reason) }),
    );
  }

  delete(handler: LocalEventHandler, argument: unknown): MaybePromise<Answer> {
    const installed = this.#installed.get(handler.id);
    if (installed === undefined) return { error: undefinedCallback(this.#label, handler.id) };
    return this.#remove(installed, { end: { type: "delete_handler", argument }, told: "normal" });
  }

  /** Not installed is no error here: the new handler begins with what it can get, as in OTP. */
  swap(
    from: LocalEventHandler,
    argument: unknown,
    to: LocalEventHandler,
    argsFor: (result: unknown) => readonly unknown[],
  ): MaybePromise<Answer> {
    const installed = this.#installed.get(from.id);
    const removal: Removal = { end: { type: "delete_handler", argument }, told: { swapped: to.id } };
    const removed: MaybePromise<Answer> = installed === undefined ? DONE : this.#remove(installed, removal);
    return after(removed, (result) =>
      attempt(
        () => argsFor("value" in result ? result.value : undefined),
        (args) => this.add(to, args, undefined),
        (reason): Answer => ({ error: initFailed(this.#label, to.id, reason) }),
      ),
    );
  }

  call(handler: LocalEventHandler, request: unknown): MaybePromise<Answer> {
    const installed = this.#installed.get(handler.id);
    if (installed === undefined) return { error: undefinedCallback(this.#label, handler.id) };
    const { call } = handler.module;
    if (call === undefined) return { error: undefinedCallback(`${this.#label}/${handler.id}`, "call") };
    return attempt(
      () => call(installed, request),
      (result) => this.#answered(installed, request, result),
      (reason) => this.#answerless(installed, request, reason),
    );
  }

  #answered(installed: Installed, request: unknown, result: unknown): MaybePromise<Answer> {
    if (!(result instanceof Result) || (result.kind !== "reply" && result.kind !== "remove_handler"))
      return this.#answerless(installed, request, {
        error: badReturn(`${this.#label}/${installed.handler.id}`, "call", result),
      });
    if (result.state !== KEEP) installed.state = result.state;
    if (result.kind === "reply") return { value: result.value };
    return after(this.#remove(installed, REMOVED), () => ({ value: result.value }));
  }

  #answerless(installed: Installed, request: unknown, reason: ExitReason): MaybePromise<Answer> {
    const { id } = installed.handler;
    return after(this.#failed(installed, request, reason), () => ({
      error: handlerExit(this.#label, id, "call", reason),
    }));
  }

  /** Hands an event to all; resolves when the last has run. */
  notify(event: unknown): MaybePromise<Answer> {
    return this.#each((installed) => this.#run(installed, "event", event));
  }

  info(message: unknown): MaybePromise<Answer> {
    if ((message as Partial<Exit>).type === "EXIT") {
      const { from, reason } = message as Exit;
      const owned = [...this.#installed.values()].filter(({ owner }) => owner === from);
      // An owner is not told of the end of its handler by its own.
      if (owned.length > 0)
        return inTurn(owned, (one) =>
          after(this.#remove(one, { end: { type: "stop", reason }, told: reason }), () => DONE),
        );
    }
    return this.#each((installed) => this.#run(installed, "info", message));
  }

  /** The manager ends. */
  stopAll(): MaybePromise<Answer> {
    return this.#each((installed) =>
      after(this.#remove(installed, { end: { type: "stop", reason: "shutdown" }, told: "shutdown" }), () => DONE),
    );
  }

  which(): readonly string[] {
    return [...this.#installed.keys()];
  }

  status(): readonly { readonly handler: string; readonly state: unknown }[] {
    return [...this.#installed.values()].map(({ handler, state }) => ({ handler: handler.id, state }));
  }

  #each(step: (installed: Installed) => MaybePromise<Answer>): MaybePromise<Answer> {
    return inTurn([...this.#installed.values()], step);
  }

  #run(installed: Installed, callback: "event" | "info", message: unknown): MaybePromise<Answer> {
    const { module } = installed.handler;
    const handle = module[callback];
    if (handle === undefined) return DONE;
    return attempt(
      () => handle(installed, message as never),
      (result): MaybePromise<Answer> => {
        if (!(result instanceof Result) || (result.kind !== "noreply" && result.kind !== "remove_handler"))
          return this.#failed(installed, message, {
            error: badReturn(`${this.#label}/${module.name}`, callback, result),
          });
        if (result.state !== KEEP) installed.state = result.state;
        return result.kind === "noreply" ? DONE : this.#remove(installed, REMOVED);
      },
      (reason) => this.#failed(installed, message, reason),
    );
  }

  /** A handler that fails goes alone. */
  #failed(installed: Installed, message: unknown, reason: ExitReason): MaybePromise<Answer> {
    this.#report(installed, "failed and was removed", reason, message);
    return this.#remove(installed, { end: { type: "error", reason }, told: reason });
  }

  /** Takes a handler out, then runs its `terminate`, whose result is answered. */
  #remove(installed: Installed, { end, told }: Removal): MaybePromise<Answer> {
    const { handler, owner } = installed;
    this.#installed.delete(handler.id);
    return attempt(
      () => handler.module.terminate?.(installed, end),
      (value): Answer => {
        if (owner !== undefined) this.#tell(owner, handler.id, told);
        return { value };
      },
      (reason): Answer => {
        this.#report(installed, "failed in terminate", reason, end);
        if (owner !== undefined) this.#tell(owner, handler.id, told);
        return { error: handlerExit(this.#label, handler.id, "terminate", reason) };
      },
    );
  }

  #tell(owner: LocalPid, handler: string, reason: ExitReason): void {
    const process = owner.process;
    if (process === undefined) return;
    const message: GenEventExit = { type: "gen_event_EXIT", manager: this.#process.pid, handler, reason };
    deliverMessage(process, message);
    // OTP: the link with the parent stays whatever handlers that has.
    const others = [...this.#installed.values()].some((one) => one.owner === owner);
    if (!others && owner !== this.#process.parent) unlink(this.#process, owner);
  }

  #report(installed: Installed, text: string, reason: ExitReason, message: unknown): void {
    this.#process.node.report({
      type: "warning",
      pid: this.#process.pid,
      label: this.#label,
      text: `event handler ${installed.handler.id} ${text}: ${showReason(reason)}`,
      details: { reason, message, state: installed.state },
      at: this.#process.node.runtime.clock.wallTime(),
    });
  }
}

/** `then` without a promise where there is none. */
function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isThenable(value) ? (value as Promise<T>).then(next) : next(value as T);
}

function attempt<T, R>(
  run: () => MaybePromise<T>,
  succeeded: (value: T) => MaybePromise<R>,
  failed: (reason: ExitReason) => MaybePromise<R>,
): MaybePromise<R> {
  let value: MaybePromise<T>;
  try {
    value = run();
  } catch (error) {
    return failed(reasonOf(error));
  }
  if (!isThenable(value)) return succeeded(value as T);
  return (value as Promise<T>).then(succeeded, (error: unknown) => failed(reasonOf(error)));
}

function inTurn<T>(items: readonly T[], step: (item: T) => MaybePromise<Answer>): MaybePromise<Answer> {
  for (let at = 0; at < items.length; at++) {
    const done = step(items[at] as T);
    if (isThenable(done)) return (done as Promise<Answer>).then(() => inTurn(items.slice(at + 1), step));
  }
  return DONE;
}

function problem(label: string, handler: string, what: string): InterlockError<"INTERLOCK_BAD_ARGUMENT"> {
  return new InterlockError("INTERLOCK_BAD_ARGUMENT", `Cannot add the handler ${handler}: it ${what} at ${label}`, {
    argument: "handler",
    got: handler,
    expected: "one that is not installed: give further ones names by handler.as(id)",
  });
}

function initFailed(label: string, handler: string, reason: ExitReason): InterlockError<"INTERLOCK_START_FAILED"> {
  return new InterlockError(
    "INTERLOCK_START_FAILED",
    `Cannot add the handler ${handler} to ${label}: ${showReason(reason)}`,
    { label: `${label}/${handler}`, reason },
    causeOf(reason),
  );
}

function handlerExit(
  label: string,
  handler: string,
  request: string,
  reason: ExitReason,
): InterlockError<"INTERLOCK_CALLEE_EXIT"> {
  return new InterlockError(
    "INTERLOCK_CALLEE_EXIT",
    `${show(request)} of the event handler ${handler} at ${label} failed: ${showReason(reason)}`,
    { target: `${label}/${handler}`, request, reason },
    causeOf(reason),
  );
}

function causeOf(reason: ExitReason): ErrorOptions | undefined {
  return typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined;
}
