/**
 * The process of a state machine: finds the handler of an event in the table of the current state, and carries out the
 * transition it returns in OTP's order: replies, state and data, enter callbacks, then the queue (`gen-statem-queue.ts`).
 *
 * Invariants: state and data change only after a callback has returned; a call without a reply is either in the queue or
 * somebody has its `from`, and in both cases its caller hears of the machine's end.
 */
import { badArgument } from "../errors.ts";
import { type InlineCall, PendingCall } from "../process/call.ts";
import type { ExitReason } from "../process/exit-reason.ts";
import { CALL, CAST, Envelope, INLINE_CALL } from "../process/mailbox.ts";
import { isThenable } from "../process/plain.ts";
import { DEAD, HIBERNATED, type Process, STOPPING } from "../process/process.ts";
import { Debug } from "./debug.ts";
import { GenBody } from "./gen.ts";
import { badReturn, hibernateProcess, takeFrom, undefinedCallback } from "./gen-server.ts";
import type { AnyStatemModule, StatemStatus } from "./gen-statem.ts";
import { changesIn, insertedIn } from "./gen-statem-actions.ts";
import { ENTER, INTERNAL, Machine, START, TIMEOUT, type Timeout } from "./gen-statem-machine.ts";
import { EVENT_TIMEOUT, STATE_TIMEOUT } from "./gen-statem-queue.ts";
import { type Definition, definitionOf, type Handler, type StateTable } from "./gen-statem-states.ts";
import {
  type AnyOptions,
  INSERTED_CALL,
  type InsertedCall,
  KEEP_STATE,
  MachineContext,
  POSTPONE,
  Step,
} from "./gen-statem-transition.ts";
import { Result } from "./reply.ts";

/** A transition on its way through the enter callbacks. */
interface Entering {
  readonly starting: boolean;
  /** The state it leaves. */
  readonly before: StateTable;
  readonly postponed: Envelope | undefined;
  /** What `enter` is told: undefined at the start. */
  from: string | undefined;
  /** Of the event's callback, then of each enter callback. */
  readonly options: (AnyOptions | undefined)[];
}

export class StatemBody extends GenBody {
  readonly label: string;
  readonly definition: Definition;

  constructor(module: AnyStatemModule) {
    super();
    this.label = module.name;
    this.definition = definitionOf(module);
  }

  init(_process: Process, args: readonly unknown[]): unknown {
    const { init } = this.definition.module;
    if (typeof init !== "function") throw undefinedCallback(this.label, "init");
    return init(...args);
  }

  ready(process: Process, result: unknown): true | "ignore" | { readonly stop: ExitReason } {
    if (result instanceof Result) {
      if (result.kind === "ignore") return "ignore";
      if (result.kind === "stop") return { stop: result.reason };
      throw badReturn(this.label, "init", result);
    }
    const { data, options, state } = (result ?? {}) as { data?: unknown; options?: AnyOptions; state?: unknown };
    const table = this.definition.table(state);
    if (table === undefined) throw badReturn(this.label, "init", result);
    const machine = new Machine(process, this.definition, table, data);
    process.state = machine;
    process.face = new MachineContext(process);
    if (options !== undefined || table.enter !== undefined)
      machine.queue().queued.push(new Envelope(START, "init", [options]));
    return true;
  }

  override begin(process: Process): void {
    // OTP: init is acknowledged before the first state is entered, so a failing enter is a crash and no failed start.
    const start = (process.state as Machine).events?.take();
    if (start === undefined || this.handle(process, start)) this.rest(process);
  }

  invoke(process: Process, envelope: Envelope): unknown {
    const machine = process.state as Machine;
    if (envelope.kind === START) return new Step("repeat", undefined, undefined, envelope.args?.[0]);
    const handler = handlerOf(machine.table, envelope);
    if (handler === undefined) return this.#unhandled(process, machine, envelope);
    const ctx = process.face;
    const { args } = envelope;
    if (args === undefined) return handler(ctx, envelope.payload);
    if (envelope.kind === TIMEOUT) return handler(ctx, (envelope as Timeout).content);
    switch (args.length) {
      case 0:
        return handler(ctx);
      case 1:
        return handler(ctx, args[0]);
      default:
        return handler(ctx, ...args);
    }
  }

  apply(process: Process, envelope: Envelope, result: unknown): unknown {
    const machine = process.state as Machine;
    if (!(result instanceof Step)) throw this.#badReturn(machine, envelope, result);
    this.#answer(process, envelope, result);
    if (result.data !== undefined) machine.data = result.data;
    if (result.action === "stop") {
      process.current = envelope; // For the crash report.
      return this.stop(process, result.reason);
    }
    const before = machine.table;
    if (result.action === "next") {
      const table = machine.definition.table(result.state);
      if (table === undefined) throw this.#badReturn(machine, envelope, result);
      machine.table = table;
    }
    const starting = envelope.kind === START;
    const postponed = result.options?.postpone === true ? queueable(process, envelope) : undefined;
    if ((result.action === "repeat" || machine.table !== before) && machine.table.enter !== undefined) {
      const from = starting ? undefined : before.name;
      return this.#enter(process, machine, { starting, before, postponed, from, options: [result.options] });
    }
    this.#settle(process, machine, before, postponed, starting, result.options, undefined);
    return undefined;
  }

  terminate(process: Process, reason: ExitReason): unknown {
    const machine = process.state as Machine;
    return machine.definition.module.terminate?.(process.face as never, reason);
  }

  async codeChange(process: Process, oldVersion: string, replacement: unknown): Promise<void> {
    const machine = process.state as Machine;
    const module = (replacement as { module: AnyStatemModule } | undefined)?.module;
    const definition = module === undefined ? machine.definition : definitionOf(module);
    const changed = await definition.module.codeChange?.(oldVersion, machine.name as never, machine.data as never);
    // OTP: this renames the state; it is no state change, so nothing is entered and no event taken back.
    const table = definition.table(changed === undefined ? machine.name : changed.state);
    if (table === undefined) throw badReturn(definition.module.name, "codeChange", changed ?? machine.name);
    machine.definition = definition;
    machine.table = table;
    if (changed !== undefined) machine.data = changed.data;
  }

  status(process: Process): unknown {
    const machine = process.state as Machine | undefined;
    if (machine === undefined) return undefined;
    const status = statusOf(machine);
    const { formatStatus } = machine.definition.module;
    return formatStatus === undefined ? status : formatStatus(status as never);
  }

  getState(process: Process): unknown {
    const { data, name } = process.state as Machine;
    return [name, data];
  }

  setState(process: Process, replaced: unknown): void {
    const machine = process.state as Machine;
    const table = Array.isArray(replaced) && replaced.length === 2 ? machine.definition.table(replaced[0]) : undefined;
    if (table === undefined) throw badArgument("the replaced state", replaced, `[state, data] of ${this.label}`);
    machine.table = table;
    machine.data = (replaced as unknown[])[1];
  }

  debugOf(process: Process): Debug {
    const machine = process.state as Machine;
    machine.debug ??= new Debug();
    return machine.debug;
  }

  protected override debug(process: Process): Debug | undefined {
    return (process.state as Machine | undefined)?.debug;
  }

  protected override next(process: Process): Envelope | undefined {
    const { events } = process.state as Machine;
    const own = events?.take();
    if (own !== undefined) return own;
    for (;;) {
      const envelope = process.take();
      // A timeout that was cancelled or replaced after it had fired is passed over.
      if (envelope === undefined || envelope.kind !== TIMEOUT || events?.expire(envelope as Timeout) === true)
        return envelope;
    }
  }

  protected override hasNext(process: Process): boolean {
    return process.head !== undefined || (process.state as Machine).events?.waiting === true;
  }

  override ended(process: Process): void {
    super.ended(process);
    const machine = process.state as Machine | undefined;
    machine?.events?.cancelAll(machine);
  }

  #unhandled(process: Process, machine: Machine, envelope: Envelope): Step {
    const { unhandled } = machine.definition.module;
    const callback = `${machine.name}.${placeOf(envelope)}`;
    if (unhandled === "postpone") return POSTPONE;
    if (unhandled === "drop") {
      // Nobody will ever answer: better an error at the caller now than a timeout later.
      if (isCall(envelope)) callOf(process, envelope).fail(undefinedCallback(this.label, callback));
      return KEEP_STATE;
    }
    if (unhandled === "crash" || envelope.args !== undefined) throw undefinedCallback(this.label, callback);
    process.node.report({
      type: "warning",
      pid: process.pid,
      label: this.label,
      text: `got a message in state ${machine.name}, which has no info handler`,
      details: envelope.payload,
      at: process.node.runtime.clock.wallTime(),
    });
    return KEEP_STATE;
  }

  /** Sends the replies of a step. A call that gets none, and is not postponed, is put off. */
  #answer(process: Process, envelope: Envelope, step: Step): void {
    const { options } = step;
    let answered = options?.postpone === true || step.action === "stop";
    if (options !== undefined) {
      if ("reply" in options) {
        if (!isCall(envelope) || options.postpone === true)
          throw badReturn(this.label, String(envelope.payload), "a reply for which no call waits");
        this.#reply(process, envelope as PendingCall | InlineCall | InsertedCall, options.reply);
        answered = true;
      }
      for (const [to, value] of options.replies ?? []) {
        if (!(to instanceof PendingCall))
          throw badReturn(this.label, String(envelope.payload), "replies to what is no from");
        this.#reply(process, to, value);
      }
    }
    // The caller waits for whoever answers, not for this machine's handlers any more.
    if (!answered && isCall(envelope)) callOf(process, envelope).edge = false;
  }

  #reply(process: Process, to: { reply(value: unknown): void }, value: unknown): void {
    this.debug(process)?.replied(value);
    to.reply(value);
  }

  #enter(process: Process, machine: Machine, entering: Entering): unknown {
    // The event is dealt with by now: what is being handled, for reports and for `ctx.from`, is the entering.
    process.current = new Envelope(ENTER, "enter", [entering.from]);
    const result = machine.table.enter?.(process.face, entering.from);
    if (!isThenable(result)) return this.#entered(process, machine, entering, result);
    return result.then((value) =>
      // A late result is dropped.
      (process.flags & (DEAD | STOPPING)) === 0 ? this.#entered(process, machine, entering, value) : undefined,
    );
  }

  #entered(process: Process, machine: Machine, entering: Entering, result: unknown): unknown {
    const options = result instanceof Step ? result.options : undefined;
    // OTP: an enter call is no event: it cannot be postponed or answered, and leads to no other state.
    if (
      !(result instanceof Step) ||
      (result.action === "next" && result.state !== machine.name) ||
      (options !== undefined && (options.postpone === true || options.nextEvents !== undefined || "reply" in options))
    )
      throw badReturn(
        this.label,
        `${machine.name}.enter`,
        result instanceof Step ? `${result} or an option that is for events` : result,
      );
    for (const [to, value] of options?.replies ?? []) this.#reply(process, to as PendingCall, value);
    if (result.data !== undefined) machine.data = result.data;
    if (result.action === "stop") return this.stop(process, result.reason);
    entering.options.push(options);
    if (result.action === "repeat") {
      entering.from = machine.name;
      return this.#enter(process, machine, entering);
    }
    const [ofEvent, ...ofEnter] = entering.options;
    this.#settle(process, machine, entering.before, entering.postponed, entering.starting, ofEvent, ofEnter);
    return undefined;
  }

  /** The last part of a transition: what waits, what runs. */
  #settle(
    process: Process,
    machine: Machine,
    before: StateTable,
    postponed: Envelope | undefined,
    starting: boolean,
    ofEvent: AnyOptions | undefined,
    ofEnter: readonly (AnyOptions | undefined)[] | undefined,
  ): void {
    let hibernate = ofEvent?.hibernate;
    let changes = changesIn(ofEvent);
    for (const options of ofEnter ?? []) {
      hibernate = options?.hibernate ?? hibernate;
      changes = [...changes, ...changesIn(options)];
    }
    const inserted = insertedIn(this.label, ofEvent);
    if (machine.events !== undefined || postponed !== undefined || changes.length > 0 || inserted.length > 0)
      machine.queue().settle(postponed, machine.table !== before, changes, inserted, machine);
    if (starting || hibernate === true) machine.shrink();
    if (hibernate === true) hibernateProcess(process);
    else process.flags &= ~HIBERNATED;
    machine.debug?.emit({ type: "state", state: [machine.name, machine.data] });
  }

  #badReturn(machine: Machine, envelope: Envelope, result: unknown): Error {
    return badReturn(
      this.label,
      `${machine.name}.${placeOf(envelope)}`,
      result instanceof Step ? result.toString() : result,
    );
  }
}

function isCall(envelope: Envelope): boolean {
  return envelope.kind === CALL || envelope.kind === INLINE_CALL || envelope.kind === INSERTED_CALL;
}

/** The call behind the event being handled, whose caller from now on hears of the machine's end. */
function callOf(process: Process, envelope: Envelope): PendingCall {
  return envelope.kind === INSERTED_CALL ? (envelope as InsertedCall).to : takeFrom(process);
}

/** An event as it can wait in the queue: a call must have a promise by then. */
function queueable(process: Process, envelope: Envelope): Envelope {
  return envelope.kind === CALL || envelope.kind === INLINE_CALL ? takeFrom(process) : envelope;
}

function handlerOf(table: StateTable, envelope: Envelope): Handler | undefined {
  const name = envelope.payload as string;
  switch (envelope.kind) {
    case CALL:
    case INLINE_CALL:
    case INSERTED_CALL:
      return table.calls[name];
    case CAST:
      return table.casts[name];
    case INTERNAL:
      return table.internal[name];
    case TIMEOUT: {
      const { key } = envelope as Timeout;
      return key === STATE_TIMEOUT
        ? table.stateTimeout
        : key === EVENT_TIMEOUT
          ? table.eventTimeout
          : table.timeouts[name];
    }
    default:
      return table.info;
  }
}

/** Where in a state the handler of an event stands. */
function placeOf(envelope: Envelope): string {
  const name = String(envelope.payload);
  switch (envelope.kind) {
    case CAST:
      return `casts.${name}`;
    case INTERNAL:
      return `internal.${name}`;
    case TIMEOUT:
      return typeof (envelope as Timeout).key === "string" ? `timeouts.${name}` : name;
    default:
      return isCall(envelope) ? `calls.${name}` : "info";
  }
}

function statusOf(machine: Machine): StatemStatus<never> {
  const { data, events, name } = machine;
  const shown = ({ args, payload }: Envelope): unknown => (args === undefined ? payload : [payload, ...args]);
  return {
    state: name as never,
    data: data as never,
    queue: [...(events?.queued ?? [])].map(shown),
    postponed: [...(events?.postponed ?? [])].map(shown),
    timeouts: [...(events?.timeouts.values() ?? [])].map(({ content, payload }) => ({
      name: payload as string,
      content,
    })),
  };
}
