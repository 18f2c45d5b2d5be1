/**
 * A process: a small object with a mailbox, links, monitors and flags, and a body that says what to do with a message.
 * Everything rare lives in `extras`, made on first use. Idle, linked and supervised it must stay under 500 bytes
 * (`bench` row "memory per idle gen_server"): think before adding a field.
 */
import { InterlockError } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { mailboxDropped, mailboxLong, publish } from "../report/telemetry.ts";
import type { OpenCall, PendingCall } from "./call.ts";
import type { HotContext } from "./context.ts";
import { crash, endByItself } from "./crash.ts";
import type { ExitReason } from "./exit-reason.ts";
import { type Bound, CALL, type Envelope, LEND_AT, LONG_MAILBOX, SIGNAL } from "./mailbox.ts";
import type { LocalMonitor, Watcher } from "./monitor.ts";
import type { OneOrMany } from "./one-or-many.ts";
import { LocalPid } from "./pid.ts";
import type { ProcessTimer } from "./timer.ts";

/** What a process does: one object per kind of process (a module), shared by all of that kind; state is in the process. */
export interface Body {
  /** The module's or the function's name. */
  readonly label: string;
  /** Handles what waits, for one slice. Must not throw. */
  slice(process: Process): void;
  /** So many messages wait that the sender's time is better spent on handling some: done at once, or not at all. */
  lend(process: Process): void;
  /** A message has been put into the mailbox of a process that was not queued. */
  wake(process: Process, envelope: Envelope): void;
  /** The process has just ended. */
  ended(process: Process): void;
  /** Removes the DOWN of a monitor from the mailbox, if it lies there. */
  flush(process: Process, monitor: LocalMonitor): void;
  /** For a crash report: what was being handled and the state before it. */
  inspect(process: Process): {
    readonly message: unknown;
    readonly state: unknown;
    readonly handler: string | undefined;
  };
}

// Flags. A process that is none of QUEUED, RUNNING and BUSY waits for a message.
export const QUEUED = 1;
export const RUNNING = 2;
/** An async handler is pending. */
export const BUSY = 4;
export const TRAP_EXIT = 8;
export const DEAD = 16;
export const SUSPENDED = 32;
export const BOUNDED = 64;
const LONG = 128;
export const HIBERNATED = 512;
/** Its terminate callback runs: no other callback will. */
export const STOPPING = 1_024;
/** Started by startLink: an EXIT of its parent is an order to terminate. */
export const LINKED_START = 2_048;

/** What few processes have. */
export class Extras {
  name: string | undefined = undefined;
  label: unknown = undefined;
  abort: AbortController | undefined = undefined;
  owned: Map<unknown, () => void> | undefined = undefined;
  timers: Set<ProcessTimer> | undefined = undefined;
  bound: Bound | undefined = undefined;
  /** Callers whose reply was put off: `from` was taken. */
  deferred: Set<PendingCall> | undefined = undefined;
  /** What runs when the process ends, before links and monitors are told. */
  atExit: Set<(reason: ExitReason) => void> | undefined = undefined;
  callers: readonly LocalPid[] | undefined = undefined;
  /** Of the behaviour: timers, continuations, debugging. */
  behaviour: unknown = undefined;
  /** The promise of the callback that the behaviour waits for. */
  behaviourPending: PromiseLike<unknown> | undefined = undefined;
  self: unknown = undefined;
  shutdownMs: number | undefined = undefined;
}

const DEEPEST_LENDING = 8;
let lendDepth = 0;

export class Process {
  readonly pid: LocalPid;
  readonly node: LocalNode;
  body: Body;
  state: unknown = undefined;
  head: Envelope | undefined = undefined;
  /** The last of several; undefined while one or none waits. */
  tail: Envelope | undefined = undefined;
  mailboxLength = 0;
  flags = 0;
  links: OneOrMany<LocalPid> = undefined;
  /** Monitors on this process. */
  watchers: OneOrMany<Watcher> = undefined;
  /** Monitors of this process on others. */
  watching: OneOrMany<LocalMonitor> = undefined;
  readonly parent: LocalPid | undefined;
  /** Calls of this process that have no answer yet. */
  calls: OneOrMany<OpenCall> = undefined;
  extras: Extras | undefined = undefined;
  /** The list of all processes of the node. */
  before: Process | undefined = undefined;
  after: Process | undefined = undefined;
  /** What the body hands to handlers: a `Self` or a context. */
  face: unknown = undefined;
  /** What is being handled: an envelope; after the end the exit reason. */
  current: unknown = undefined;
  reductions = 0;
  /** Of a hot process: its prebuilt async context. */
  context: HotContext | undefined = undefined;

  constructor(node: LocalNode, body: Body, parent: LocalPid | undefined) {
    this.node = node;
    this.pid = new LocalPid(node, node.nextId(), this);
    this.body = body;
    this.parent = parent;
  }

  get alive(): boolean {
    return (this.flags & DEAD) === 0;
  }

  /** The reason of the end; only of the dead. */
  get exitReason(): ExitReason {
    return this.current as ExitReason;
  }

  more(): Extras {
    this.extras ??= new Extras();
    return this.extras;
  }

  runSlice(): void {
    this.flags &= ~QUEUED;
    if ((this.flags & DEAD) !== 0) return;
    try {
      this.body.slice(this);
    } catch (error) {
      // No slice throws; if one does all the same, it is that process' end and not the scheduler's.
      crash(this, error);
    }
  }

  /** Has the body run a slice soon, unless it is busy or will anyway. */
  schedule(): void {
    if ((this.flags & (QUEUED | RUNNING | BUSY | DEAD)) !== 0) return;
    this.flags |= QUEUED;
    this.node.scheduler.enqueue(this);
  }

  /**
   * Puts an envelope into the mailbox. False when a bound refused it. Never throws: a sender is not to be harmed by the
   * state of its receiver.
   */
  deliver(envelope: Envelope): boolean {
    if ((this.flags & DEAD) !== 0) return true;
    if ((this.flags & BOUNDED) !== 0 && envelope.kind < SIGNAL && !this.#makeRoom(envelope)) return false;
    // A young object stored in an old one costs the collector's write barrier, 7 ns: one waiting message is one store.
    if (this.head === undefined) this.head = envelope;
    else {
      (this.tail ?? this.head).next = envelope;
      this.tail = envelope;
    }
    this.mailboxLength++;
    if ((this.flags & (QUEUED | RUNNING | BUSY)) === 0) this.body.wake(this, envelope);
    if (this.mailboxLength >= LEND_AT) this.#overrun();
    return true;
  }

  /** The sender is faster than this process. */
  #overrun(): void {
    if (this.mailboxLength === LONG_MAILBOX && (this.flags & LONG) === 0) {
      this.flags |= LONG;
      if (mailboxLong.hasSubscribers)
        publish(mailboxLong, { pid: this.pid, label: this.body.label, length: this.mailboxLength });
    }
    if ((this.flags & (RUNNING | BUSY | SUSPENDED | DEAD)) !== 0 || !this.node.scheduler.direct) return;
    // Whoever is lent a turn may outrun the next one: not without end, the stack is the sender's.
    if (lendDepth >= DEEPEST_LENDING) return;
    lendDepth++;
    try {
      this.body.lend(this);
    } finally {
      lendDepth--;
    }
  }

  /** Takes the oldest envelope. */
  take(): Envelope | undefined {
    const envelope = this.head;
    if (envelope === undefined) return undefined;
    this.head = envelope.next;
    if (this.head === undefined) this.tail = undefined;
    envelope.next = undefined;
    this.taken(envelope);
    return envelope;
  }

  /** Counts an envelope that has left the mailbox. */
  taken(envelope: Envelope): void {
    this.mailboxLength--;
    if ((this.flags & (BOUNDED | LONG)) === 0) return;
    const bound = this.extras?.bound;
    if (bound !== undefined && envelope.kind < SIGNAL) {
      bound.waiting--;
      bound.senders.shift()?.();
    }
    if (this.mailboxLength < LONG_MAILBOX / 2) this.flags &= ~LONG;
  }

  #makeRoom(envelope: Envelope): boolean {
    const bound = this.extras?.bound as Bound;
    if (bound.waiting < bound.capacity) {
      bound.waiting++;
      return true;
    }
    bound.dropped++;
    if (mailboxDropped.hasSubscribers)
      publish(mailboxDropped, {
        pid: this.pid,
        label: this.body.label,
        capacity: bound.capacity,
        overflow: bound.overflow,
      });
    switch (bound.overflow) {
      case "reject":
        refuse(envelope, this, bound.capacity);
        return false;
      case "exit":
        refuse(envelope, this, bound.capacity);
        endByItself(this, "mailbox_full");
        return false;
      case "drop_oldest": {
        const oldest = this.#dropOldest();
        if (oldest !== undefined) refuse(oldest, this, bound.capacity);
        bound.waiting++;
        return true;
      }
    }
  }

  /** Unlinks the oldest envelope of a user. Selective receive keeps its own list, which the body drops from. */
  #dropOldest(): Envelope | undefined {
    const fromIndex = (this.body as { dropOldest?(process: Process): Envelope | undefined }).dropOldest?.(this);
    if (fromIndex !== undefined) return fromIndex;
    let before: Envelope | undefined;
    for (let at = this.head; at !== undefined; before = at, at = at.next) {
      if (at.kind >= SIGNAL) continue;
      if (before === undefined) this.head = at.next;
      else before.next = at.next;
      if (at === this.tail) this.tail = before;
      at.next = undefined;
      this.taken(at);
      return at;
    }
    return undefined;
  }
}

/** A call that a bound threw away is told so; a cast or a message is only counted. */
function refuse(envelope: Envelope, target: Process, capacity: number): void {
  if (envelope.kind !== CALL) return;
  (envelope as PendingCall).fail(
    new InterlockError(
      "INTERLOCK_MAILBOX_FULL",
      `The mailbox of ${target.pid} (${target.body.label}) is full: ${capacity} messages`,
      {
        target: target.pid.toString(),
        capacity,
      },
    ),
  );
}
