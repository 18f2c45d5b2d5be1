/**
 * A call in flight: the envelope in the callee's mailbox, the caller's promise and its timeout are one object.
 * Replies go to the promise, never through the caller's mailbox, so a call costs the same however full that is, and a
 * late reply cannot turn up as a message (OTP 24's process alias, without the alias).
 */
import { InterlockError, isError } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { callTimedOut, publish } from "../report/telemetry.ts";
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import { runAs, unowned } from "./context.ts";
import type { ExitReason } from "./exit-reason.ts";
import { CALL, Envelope, INLINE_CALL } from "./mailbox.ts";
import { add, remove } from "./one-or-many.ts";
import type { Process } from "./process.ts";

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

// One executor for all promises: a closure per call would cost 128 bytes.
let lastResolve: Resolve;
let lastReject: Reject;
const executor = (resolve: Resolve, reject: Reject): void => {
  lastResolve = resolve;
  lastReject = reject;
};

/** The caller's side: a promise, its timeout, its place among the caller's calls. */
export abstract class OpenCall extends Envelope implements Timed {
  /** Undefined once there is an answer. */
  resolve: Resolve | undefined;
  readonly reject: Reject;
  readonly promise: Promise<unknown>;
  readonly caller: Process | undefined;
  /** Whether the caller's handler was unreturned when it called: only then may it be awaiting, and close a cycle. */
  edge = false;
  readonly timeoutMs: number;
  readonly #node: LocalNode;
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  /** Outside production: where the call was made, for the stack of its error. */
  readonly #site: Error | undefined;
  /** Removes the listener on the caller's AbortSignal. */
  disarm: (() => void) | undefined = undefined;

  constructor(
    operation: unknown,
    args: readonly unknown[] | undefined,
    caller: Process | undefined,
    node: LocalNode,
    timeoutMs: number,
    kind: number,
  ) {
    super(kind, operation, args);
    this.promise = new Promise(executor);
    this.resolve = lastResolve;
    this.reject = lastReject;
    this.caller = caller;
    this.#node = node;
    this.timeoutMs = timeoutMs;
    this.#site = node.freeze ? callSite() : undefined;
    if (caller !== undefined) caller.calls = add(caller.calls, this);
    if (timeoutMs !== Number.POSITIVE_INFINITY) node.scheduler.timers.startFresh(this, timeoutMs);
  }

  /** Whom it was sent to, for messages. */
  abstract get target(): string;

  get settled(): boolean {
    return this.resolve === undefined;
  }

  reply(value: unknown): void {
    const resolve = this.resolve;
    if (resolve === undefined) return; // Late: dropped.
    this.settle();
    resolve(value);
  }

  fail(error: Error): void {
    if (this.resolve === undefined) return;
    this.settle();
    // Only of the errors made here: what a callee threw keeps its own.
    if (this.#site !== undefined && error instanceof InterlockError)
      error.stack = `${error.name}: ${error.message}\n${userFrames(this.#site)}`;
    // A rejection that nobody awaits is attributed to the context that rejects: that must be the caller's.
    rejectFor(this.caller, this.reject, error);
  }

  fire(): void {
    const { target } = this;
    const request = String(this.payload);
    if (callTimedOut.hasSubscribers) publish(callTimedOut, { target, request, timeoutMs: this.timeoutMs });
    this.fail(
      new InterlockError(
        "INTERLOCK_CALL_TIMEOUT",
        `Call ${request} to ${target} had no answer within ${this.timeoutMs} ms`,
        {
          target,
          request,
          timeoutMs: this.timeoutMs,
        },
      ),
    );
  }

  protected settle(): void {
    this.resolve = undefined;
    if (this.slot !== IDLE) this.#node.scheduler.timers.cancel(this);
    if (this.caller !== undefined) this.caller.calls = remove(this.caller.calls, this);
    this.disarm?.();
  }
}

/** A call to a process of this node. */
export class PendingCall extends OpenCall {
  readonly callee: Process;
  /** The callee has taken `from` or answered `later`: it does not wait for anyone because of this call. */
  deferred = false;
  /** It would have closed a cycle: the callee passes over it. */
  refused = false;

  constructor(
    operation: unknown,
    args: readonly unknown[] | undefined,
    caller: Process | undefined,
    callee: Process,
    timeoutMs: number,
    kind: number = CALL,
  ) {
    super(operation, args, caller, callee.node, timeoutMs, kind);
    this.callee = callee;
  }

  override get target(): string {
    return `${this.callee.pid} (${this.callee.body.label})`;
  }

  protected override settle(): void {
    super.settle();
    if (this.deferred) this.callee.extras?.deferred?.delete(this);
  }
}

/** A call to a process of another node. */
export class AwayCall extends OpenCall {
  readonly target: string;

  constructor(
    operation: string,
    args: readonly unknown[],
    caller: Process | undefined,
    target: string,
    node: LocalNode,
    timeoutMs: number,
  ) {
    super(operation, args, caller, node, timeoutMs, CALL);
    this.target = target;
  }
}

/** A call that came from another node: its answer goes there. Its caller waits, times out and watches by itself. */
export class IncomingCall extends PendingCall {
  readonly #caller: RemoteCaller;

  constructor(operation: string, args: readonly unknown[], callee: Process, caller: RemoteCaller) {
    super(operation, args, undefined, callee, Number.POSITIVE_INFINITY);
    this.#caller = caller;
  }

  /** Where any other process may answer it as well; undefined if only this node can. */
  get address(): unknown {
    return this.#caller.address;
  }

  override reply(value: unknown): void {
    if (this.settled) return;
    this.settle();
    this.#caller.reply(value);
  }

  override fail(error: Error): void {
    if (this.settled) return;
    this.settle();
    if (isError(error, "INTERLOCK_CALLEE_EXIT")) this.#caller.exited(error.details.reason);
    else this.#caller.refused(error);
  }
}

/** Where the outcome of a call from another node goes: one of the three, once. */
export interface RemoteCaller {
  readonly address?: unknown;
  reply(value: unknown): void;
  /** There will be no answer: the callee has ended. */
  exited(reason: ExitReason): void;
  /** There will be no answer: its mailbox is full. */
  refused(error: Error): void;
}

function callSite(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = limit + 12; // An inline call has that many frames of ours on top.
  const site = new Error("call");
  Error.stackTraceLimit = limit;
  return site;
}

/** The stack without this package's own frames. */
function userFrames(site: Error): string {
  const here = new URL("..", import.meta.url).href;
  return (site.stack ?? "")
    .split("\n")
    .slice(1)
    .filter((line) => !line.includes(here) && !line.includes("(node:async_hooks"))
    .join("\n");
}

/**
 * A call that an idle callee handles at once, on the caller's stack. Most are answered right there and never need a
 * promise of their own, a timeout or an entry with the caller; the others become a `PendingCall` when that shows.
 */
export class InlineCall extends Envelope {
  readonly caller: Process | undefined;
  readonly timeoutMs: number;
  #pending: PendingCall | undefined = undefined;

  constructor(operation: unknown, args: readonly unknown[], caller: Process | undefined, timeoutMs: number) {
    super(INLINE_CALL, operation, args);
    this.caller = caller;
    this.timeoutMs = timeoutMs;
  }

  pending(callee: Process): PendingCall {
    this.#pending ??= new PendingCall(this.payload, this.args, this.caller, callee, this.timeoutMs);
    return this.#pending;
  }

  /** Set by the callee's reply when nobody had to wait for it. */
  answered = false;
  value: unknown = undefined;

  reply(value: unknown): void {
    if (this.#pending !== undefined) return this.#pending.reply(value);
    this.answered = true;
    this.value = value;
  }

  /** What the caller gets. */
  answer(callee: Process): Promise<unknown> {
    return this.answered ? Promise.resolve(this.value) : this.pending(callee).promise;
  }
}

/** Rejects in the context of who asked: a rejection that nobody handles is attributed to the context that rejects. */
export function rejectFor(caller: Process | undefined, reject: Reject, error: Error): void {
  if (caller === undefined) unowned(() => reject(error));
  else runAs(caller, rejectNow, { reject, error });
}

function rejectNow(_process: Process, failure: { readonly reject: Reject; readonly error: Error }): void {
  failure.reject(failure.error);
}
