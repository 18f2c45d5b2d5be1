/** Sending. Never blocks; never throws for the state of the receiver. @see erlang:send/2 */
import { badArgument, InterlockError } from "../errors.ts";
import { awayOf, currentNode, isName, type Name, nameBase, resolve } from "../naming/name.ts";
import { type Alias, LocalAlias } from "./alias.ts";
import { currentProcess } from "./context.ts";
import { atExit } from "./exit.ts";
import { fenceError } from "./exit-reason.ts";
import { deepFreeze } from "./freeze.ts";
import { type Bound, Envelope, MESSAGE } from "./mailbox.ts";
import { LocalPid, type Pid, RemoteReference } from "./pid.ts";
import { DEAD, type Process } from "./process.ts";
import type { Away } from "./route.ts";
import { ProcessTimer, type Timer } from "./timer.ts";

/** Where a message can go. */
export type Destination<M> = Pid<M> | Alias<M> | Name;

/** Code of the dead does nothing any more: whatever it calls here throws. */
export function fence(): Process | undefined {
  const process = currentProcess();
  if (process !== undefined && (process.flags & DEAD) !== 0)
    throw fenceError(process.pid.toString(), process.exitReason);
  return process;
}

/**
 * Sends `message`. To a process that has ended it vanishes; a full mailbox acts by its overflow rule.
 *
 * **Errors** `INTERLOCK_NOPROC` for a local name that nobody has, as OTP's badarg.
 *
 * @example
 * type PingPong = { readonly type: "ping"; readonly from: Pid<PingPong> } | { readonly type: "pong" };
 * const ponger = spawn<PingPong>(async (self) => {
 *   const { from } = await self.receive({ type: "ping" });
 *   send(from, { type: "pong" });
 * });
 * spawn<PingPong>(async (self) => {
 *   send(ponger, { type: "ping", from: self.pid });
 *   console.log(await self.receive()); // { type: 'pong' }
 * });
 */
export function send<M>(target: Destination<M>, message: NoInfer<M>): void {
  fence();
  const process = target instanceof LocalPid ? target.process : receiverOf(target);
  if (process !== undefined) deliverMessage(process, message);
  else {
    const away = awayOf(target);
    away?.route.send(currentPid(), away.to, message);
  }
}

/**
 * As `send`, and says whether the message was put into a mailbox: false for a full one and for the dead. To another node:
 * false when there is no connection to it, or a busy one.
 */
export function trySend<M>(target: Destination<M>, message: NoInfer<M>): boolean {
  fence();
  const process =
    target instanceof LocalPid
      ? target.process
      : isName(target)
        ? nameBase(target).whereis(currentNode())?.process
        : receiverOf(target);
  return process === undefined ? trySendAway(awayOf(target), message) : deliverMessage(process, message);
}

/** To another node. False for the dead of this one. */
function trySendAway(away: Away | undefined, message: unknown): boolean {
  return away?.route.trySend(currentPid(), away.to, message) === true;
}

/** Who sends. */
function currentPid(): LocalPid {
  return currentProcess()?.pid ?? currentNode().nobody;
}

/**
 * As `send`, and waits while a bounded mailbox is full: back-pressure for whoever produces faster than others consume.
 *
 * **Errors** `INTERLOCK_NOPROC` for the dead, or when it ends meanwhile; `INTERLOCK_MAILBOX_FULL` after `timeoutMs`
 * milliseconds (default 5 000).
 *
 * @example
 * const mailbox = { capacity: 2, overflow: "reject" } as const;
 * const adder = spawn<number>(async (self) => {
 *   let sum = 0;
 *   while (sum < 10) sum += await self.receive();
 *   console.log(sum); // 10
 * }, { mailbox });
 * for (const number of [1, 2, 3, 4]) await sendWait(adder, number);
 */
export async function sendWait<M>(
  target: Pid<M> | Name,
  message: NoInfer<M>,
  options?: { readonly timeoutMs?: number },
): Promise<void> {
  fence();
  const timeoutMs = options?.timeoutMs ?? DEFAULT_WAIT_MS;
  checkDelay(timeoutMs, "timeoutMs");
  const process = resolve(target);
  if (process === undefined) return sendWaitAway(target, message, timeoutMs);
  const bound = process.extras?.bound;
  // Again after the wait: somebody else may have been quicker.
  while (bound !== undefined && bound.waiting >= bound.capacity) await roomIn(process, bound, timeoutMs);
  fence();
  deliverMessage(process, message);
}

async function sendWaitAway(target: Pid | Name, message: unknown, timeoutMs: number): Promise<void> {
  const away = awayOf(target);
  if (away === undefined) throw gone(target);
  // Again after the wait: somebody else may have been quicker.
  while (!trySendAway(away, message)) {
    await away.route.ready(timeoutMs);
    fence();
  }
}

const DEFAULT_WAIT_MS = 5_000;

/** Resolves when `process` has room for one more; those who came first go first. */
function roomIn(process: Process, bound: Bound, timeoutMs: number): Promise<void> {
  return new Promise((room, reject) => {
    const forget = (): void => {
      limit.cancel();
      process.extras?.atExit?.delete(ended);
      const at = bound.senders.indexOf(given);
      if (at >= 0) bound.senders.splice(at, 1);
    };
    const given = (): void => {
      forget();
      room();
    };
    const ended = (): void => {
      forget();
      reject(gone(process.pid));
    };
    const limit = process.node.after(timeoutMs, () => {
      forget();
      const { capacity } = bound;
      reject(
        new InterlockError(
          "INTERLOCK_MAILBOX_FULL",
          `The mailbox of ${process.pid} had no room within ${timeoutMs} ms`,
          {
            target: process.pid.toString(),
            capacity,
          },
        ),
      );
    });
    atExit(process, ended);
    bound.senders.push(given);
  });
}

function gone(target: { toString(): string }): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError("INTERLOCK_NOPROC", `Cannot send to ${target}: there is no such process`, {
    target: target.toString(),
  });
}

/**
 * Sends after `delayMs` milliseconds. A name is resolved when the time has come; a timer to a pid ends with it.
 *
 * @example
 * const cook = spawn<string>(async (self) => {
 *   console.log(await self.receive()); // the tea is ready
 * });
 * const timer = sendAfter(1, cook, "the tea is ready");
 * await monitor(cook);
 * console.log(timer.cancel()); // undefined
 */
export function sendAfter<M>(delayMs: number, target: Pid<M> | Name, message: NoInfer<M>): Timer {
  fence();
  return startTimer(delayMs, target, () => message);
}

/** As `sendAfter`, and the message is `{ type: "timeout", ref, message }`. @see erlang:start_timer/3 */
export function sendTimeoutAfter<T>(delayMs: number, target: Pid<TimerMessage<T>> | Name, message: T): Timer {
  fence();
  return startTimer(delayMs, target, (timer) => ({ type: "timeout", ref: timer.ref, message }));
}

export interface TimerMessage<T> {
  readonly type: "timeout";
  readonly ref: Timer["ref"];
  readonly message: T;
}

function startTimer(delayMs: number, target: Pid | Name, make: (timer: ProcessTimer) => unknown): Timer {
  checkDelay(delayMs);
  const node = currentNode();
  const owner = target instanceof LocalPid ? target.process : undefined;
  return new ProcessTimer(node, owner, delayMs, (timer) => {
    const process = owner ?? (isName(target) ? nameBase(target).whereis(node)?.process : undefined);
    if (process?.alive === true) deliverMessage(process, make(timer));
    else if (owner === undefined) {
      const away = awayOf(target, node);
      away?.route.send(node.nobody, away.to, make(timer));
    }
  });
}

export function checkDelay(delayMs: number, what = "delayMs"): void {
  if (typeof delayMs !== "number" || Number.isNaN(delayMs) || delayMs < 0)
    throw badArgument(what, delayMs, "a number of milliseconds, 0 or more");
}

export function deliverMessage(process: Process, message: unknown): boolean {
  if (process.node.freeze) deepFreeze(message);
  return process.deliver(new Envelope(MESSAGE, message, undefined)) && (process.flags & DEAD) === 0;
}

function receiverOf(target: unknown): Process | undefined {
  if (target instanceof LocalAlias) return target.receiver();
  if (target instanceof RemoteReference) return undefined;
  if (!isName(target)) throw badArgument("target", target, "a pid, a name or an alias");
  const name = nameBase(target);
  const pid = name.whereis(currentNode());
  if (pid === undefined && name.silent) return undefined;
  if (pid === undefined)
    throw new InterlockError("INTERLOCK_NOPROC", `Cannot send to ${target}: nobody has that name`, {
      target: target.toString(),
    });
  return pid.process;
}
