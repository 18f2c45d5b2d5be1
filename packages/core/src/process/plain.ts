/**
 * The body of a plain process: an async function that receives. While it waits, its promise and its pattern lie here.
 * Hot file: `bench` rows pingpong_rtt, spawn_monitor_exit_down, selective_receive_10k_deep.
 */
import { badArgument } from "../errors.ts";
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import type { PendingCall } from "./call.ts";
import { runAs, startAs } from "./context.ts";
import { die } from "./exit.ts";
import { fenceError } from "./exit-reason.ts";
import { blame, expectEnd } from "./lingering.ts";
import { type Envelope, SYSTEM } from "./mailbox.ts";
import type { Selection } from "./matcher.ts";
import type { LocalMonitor } from "./monitor.ts";
import { type Body, type Process, QUEUED, SUSPENDED } from "./process.ts";
import { accepts, SkippedMessages } from "./skipped.ts";
import { serveSystem, takeSystem } from "./system.ts";

type Resolve = (message: unknown) => void;
type Reject = (error: unknown) => void;

const NOT_STARTED = 0;
const STARTED = 1;
const SETTLED = 2;

let lastResolve: Resolve;
let lastReject: Reject;
const executor = (resolve: Resolve, reject: Reject): void => {
  lastResolve = resolve;
  lastReject = reject;
};

class ReceiveTimeout implements Timed {
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly #body: PlainBody;
  readonly #process: Process;

  constructor(body: PlainBody, process: Process) {
    this.#body = body;
    this.#process = process;
  }

  fire(): void {
    this.#body.timedOut(this.#process);
  }
}

export class PlainBody implements Body {
  readonly #run: (self: never) => unknown;
  readonly #makeSelf: (process: Process) => unknown;
  #stage = NOT_STARTED;
  // The receive that waits.
  #resolve: Resolve | undefined = undefined;
  #reject: Reject | undefined = undefined;
  #selection: Selection | undefined = undefined;
  #timeout: ReceiveTimeout | undefined = undefined;
  /** Its time was over while the process was suspended. */
  #expired = false;
  /** A message that was found when the turn's time was over: handed out in the next slice. */
  #parked: Envelope | undefined = undefined;
  #skipped: SkippedMessages | undefined = undefined;

  constructor(run: (self: never) => unknown, makeSelf: (process: Process) => unknown) {
    this.#run = run;
    this.#makeSelf = makeSelf;
  }

  get label(): string {
    return this.#run.name === "" ? "process" : this.#run.name;
  }

  slice(process: Process): void {
    if ((process.flags & SUSPENDED) !== 0) return this.#serveSystem(process);
    if (this.#stage === NOT_STARTED) {
      this.#stage = STARTED;
      if (process.head?.kind === SYSTEM) this.#serveSystem(process);
      startAs(process, startPlain, this);
      return;
    }
    if (this.#resolve === undefined) return;
    const parked = this.#parked;
    if (parked !== undefined) {
      this.#parked = undefined;
      this.#answer(process, parked.payload);
      return;
    }
    runAs(process, searchPlain, this);
  }

  /** Runs the function; called in the process' context. */
  start(process: Process): void {
    process.face = this.#makeSelf(process);
    try {
      const result = this.#run(process.face as never);
      if (isThenable(result))
        Promise.resolve(result).then(
          () => this.#finished(process),
          (error: unknown) => this.#failed(process, error),
        );
      else this.#finished(process);
    } catch (error) {
      this.#failed(process, error);
    }
  }

  /** Looks again for what the waiting receive wants; in the process' context, as guards are its code. */
  search(process: Process): void {
    let found: Envelope | undefined;
    try {
      found = this.#find(process, this.#selection);
    } catch (error) {
      const reject = this.#reject as Reject;
      this.#stopWaiting(process);
      reject(error);
      return;
    }
    if (found !== undefined || this.#expired) this.#answer(process, found?.payload);
  }

  wake(process: Process, envelope: Envelope): void {
    if (envelope.kind === SYSTEM) {
      this.#serveSystem(process);
      return;
    }
    if (this.#resolve === undefined || this.#parked !== undefined) return;
    const selection = this.#selection;
    if (selection === undefined || selection.exact) {
      // A key decides by comparison: no code of the receiver runs in the sender's context.
      if (!accepts(selection, envelope)) return;
      if ((process.flags & SUSPENDED) === 0 && process.node.scheduler.mayRunNow()) {
        const found = this.#find(process, selection) as Envelope;
        process.reductions++;
        this.#answer(process, found.payload);
        return;
      }
    }
    process.schedule();
  }

  lend(): void {
    // A plain process goes on when its promise does: there is nothing to run on a sender's stack.
  }

  receive(process: Process, selection: Selection | undefined, timeoutMs: number): Promise<unknown> {
    if (!process.alive) throw fenceError(process.pid.toString(), process.exitReason);
    if (this.#resolve !== undefined)
      throw badArgument(
        "receive",
        "a second receive",
        "called after the first has its message: a process waits for one thing at a time",
      );
    const { scheduler } = process.node;
    const found = this.#find(process, selection);
    if (found !== undefined) {
      process.reductions++;
      if (scheduler.mayRunNow()) return Promise.resolve(found.payload);
      this.#parked = found;
      process.flags |= QUEUED;
      scheduler.enqueue(process);
    } else if (timeoutMs <= 0) return Promise.resolve(undefined);
    else if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#timeout ??= new ReceiveTimeout(this, process);
      scheduler.timers.startFresh(this.#timeout, timeoutMs);
    }
    const promise = new Promise<unknown>(executor);
    this.#resolve = lastResolve;
    this.#reject = lastReject;
    this.#selection = selection;
    return promise;
  }

  timedOut(process: Process): void {
    // OTP: what came in time is seen, although its slice has not come yet.
    if ((process.flags & (QUEUED | SUSPENDED)) === QUEUED) runAs(process, searchPlain, this);
    if (this.#resolve === undefined) return;
    if ((process.flags & SUSPENDED) === 0) this.#answer(process, undefined);
    else this.#expired = true; // It goes on when it is resumed, with what has come by then.
  }

  ended(process: Process): void {
    const reject = this.#reject;
    this.#stopWaiting(process);
    this.#skipped = this.#parked = undefined;
    if (this.#stage !== STARTED) return;
    if (reject !== undefined) runAs(process, rejectPlain, reject);
    expectEnd(process, () => this.#stage === SETTLED);
  }

  flush(process: Process, monitor: LocalMonitor): void {
    this.#find(process, monitor);
  }

  dropOldest(process: Process): Envelope | undefined {
    const oldest = this.#skipped?.takeOldestOfUser();
    if (oldest !== undefined) process.taken(oldest);
    return oldest;
  }

  /** What waits, oldest first. */
  *messages(process: Process): Iterable<Envelope> {
    if (this.#skipped !== undefined) yield* this.#skipped;
    for (let at = process.head; at !== undefined; at = at.next) yield at;
  }

  inspect(): { message: unknown; state: unknown; handler: string | undefined } {
    return { message: undefined, state: undefined, handler: this.#resolve === undefined ? undefined : "receive" };
  }

  #find(process: Process, selection: Selection | undefined): Envelope | undefined {
    if (this.#skipped !== undefined && this.#skipped.length > 0) {
      const found = this.#skipped.take(selection);
      if (found !== undefined) {
        process.taken(found);
        return found;
      }
    }
    for (let first = process.head; first !== undefined; first = process.head) {
      if (first.kind === SYSTEM) {
        process.take();
        serveSystem(process, first as PendingCall);
        continue;
      }
      if (accepts(selection, first)) return process.take();
      // It stays in the mailbox and counts as waiting; only its place changes.
      process.head = first.next;
      if (process.head === undefined) process.tail = undefined;
      first.next = undefined;
      this.#skipped ??= new SkippedMessages();
      this.#skipped.add(first);
    }
    return undefined;
  }

  #serveSystem(process: Process): void {
    for (let call = takeSystem(process); call !== undefined; call = takeSystem(process)) serveSystem(process, call);
    if ((process.flags & SUSPENDED) === 0) process.schedule();
  }

  #answer(process: Process, message: unknown): void {
    const resolve = this.#resolve as Resolve;
    this.#stopWaiting(process);
    resolve(message);
  }

  #stopWaiting(process: Process): void {
    this.#resolve = this.#reject = undefined;
    this.#selection = undefined;
    this.#expired = false;
    if (this.#timeout !== undefined) process.node.scheduler.timers.cancel(this.#timeout);
  }

  #finished(process: Process): void {
    this.#stage = SETTLED;
    die(process, "normal");
  }

  #failed(process: Process, error: unknown): void {
    this.#stage = SETTLED;
    blame(process, error);
  }
}

function startPlain(process: Process, body: PlainBody): void {
  body.start(process);
}

function searchPlain(process: Process, body: PlainBody): void {
  body.search(process);
}

function rejectPlain(process: Process, reject: Reject): void {
  reject(fenceError(process.pid.toString(), process.exitReason));
}

/** Whether `value` is to be waited for. A `then` that cannot even be read is none. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return isThenableObject(value);
  } catch {
    return false;
  }
}

function isThenableObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
