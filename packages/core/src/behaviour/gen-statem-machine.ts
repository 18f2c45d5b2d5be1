/** What one state machine keeps for itself, and its timeouts. Idle it is one object besides its process and context. */
import { Envelope } from "../process/mailbox.ts";
import type { Process } from "../process/process.ts";
import { IDLE, type Timed } from "../scheduler/timer-queue.ts";
import type { Debug } from "./debug.ts";
import { EventQueue, type TimeoutEvent, type TimeoutKey, type TimeoutPort } from "./gen-statem-queue.ts";
import type { Definition, StateTable } from "./gen-statem-states.ts";

// Kinds of envelopes of the machine's own making: no mailbox bound counts them.
export const INTERNAL = 8;
export const TIMEOUT = 9;
/** The first event: runs the actions of init and enters the first state. */
export const START = 10;
/** No event: an enter callback is being run. */
export const ENTER = 11;

const NO_ARGUMENTS: readonly unknown[] = [];

/** A timeout is its own timer and its own message. */
export class Timeout extends Envelope implements Timed, TimeoutEvent {
  readonly key: TimeoutKey;
  content: unknown;
  live = true;
  due = 0;
  order = 0;
  slot: number = IDLE;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly #process: Process;

  constructor(process: Process, key: TimeoutKey, content: unknown) {
    super(TIMEOUT, typeof key === "string" ? key : key.description, NO_ARGUMENTS);
    this.#process = process;
    this.key = key;
    this.content = content;
  }

  fire(): void {
    this.#process.deliver(this);
  }
}

/** The state of the process: what `sys` shows as `[state, data]`, and what few machines have at a time. */
export class Machine implements TimeoutPort<Timeout> {
  readonly #process: Process;
  definition: Definition;
  table: StateTable;
  data: unknown;
  /** Made when the first event is postponed or inserted or the first timeout set. */
  events: EventQueue<Envelope, Timeout> | undefined = undefined;
  debug: Debug | undefined = undefined;

  constructor(process: Process, definition: Definition, table: StateTable, data: unknown) {
    this.#process = process;
    this.definition = definition;
    this.table = table;
    this.data = data;
  }

  get name(): string {
    return this.table.name;
  }

  queue(): EventQueue<Envelope, Timeout> {
    this.events ??= new EventQueue();
    return this.events;
  }

  /** Forgets the queue if nothing is in it: most machines have none most of the time. */
  shrink(): void {
    if (this.events?.idle === true) this.events = undefined;
  }

  make(key: TimeoutKey, content: unknown): Timeout {
    return new Timeout(this.#process, key, content);
  }

  start(timeout: Timeout, ms: number): void {
    this.#process.node.scheduler.timers.start(timeout, ms);
  }

  cancel(timeout: Timeout): void {
    this.#process.node.scheduler.timers.cancel(timeout);
  }
}
