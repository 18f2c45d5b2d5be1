/**
 * Exit signals and death. A local signal acts at once, so signals between two processes keep the order in which they
 * were sent. Death is immediate for everyone else: the name is free, monitors and links are told, timers are cancelled
 * and owned resources closed before control returns; what is left of the process' own code is fenced.
 *
 * Deaths spread by a work list, never by recursion: a chain of ten thousand links must not overflow the stack.
 */
import { InterlockError } from "../errors.ts";
import { processExited, publish } from "../report/telemetry.ts";
import type { InlineCall, PendingCall } from "./call.ts";
import { cool, runAs } from "./context.ts";
import { type ExitReason, fenceError, showReason } from "./exit-reason.ts";
import { CALL, Envelope, INLINE_CALL, SIGNAL, SYSTEM } from "./mailbox.ts";
import { each, type OneOrMany, remove } from "./one-or-many.ts";
import type { LocalPid } from "./pid.ts";
import { DEAD, type Process, TRAP_EXIT } from "./process.ts";
import type { Exit } from "./signal.ts";

/** An exit signal sent by `exit(pid, reason)`. @see erlang:exit/2 */
export function exitSignal(from: LocalPid, target: Process, reason: ExitReason): void {
  if ((target.flags & DEAD) !== 0) return;
  if (reason === "kill") return die(target, "killed");
  if ((target.flags & TRAP_EXIT) !== 0) return deliverExit(target, from, reason);
  // OTP: a normal exit signal from another process is ignored; one to oneself ends the process.
  if (reason === "normal" && from !== target.pid) return;
  die(target, reason);
}

function breakLink(from: LocalPid, to: LocalPid, reason: ExitReason): void {
  const linked = to.process;
  if (linked === undefined) {
    to.home.route?.exitLinked(from, to, reason);
    return;
  }
  linked.links = remove(linked.links, from);
  linkBroken(from, linked, reason);
}

/** The signal that a link carries. `kill` has become `killed` by now, so it can be trapped. */
export function linkBroken(from: LocalPid, target: Process, reason: ExitReason): void {
  if ((target.flags & DEAD) !== 0) return;
  if ((target.flags & TRAP_EXIT) !== 0) deliverExit(target, from, reason);
  else if (reason !== "normal") die(target, reason);
}

function deliverExit(target: Process, from: LocalPid, reason: ExitReason): void {
  const message: Exit = { type: "EXIT", from, reason };
  target.deliver(new Envelope(SIGNAL, message, undefined));
}

const dying: Process[] = [];
let spreading = false;

/** Ends a process. The first reason wins. */
export function die(process: Process, reason: ExitReason): void {
  if ((process.flags & DEAD) !== 0) return;
  process.flags |= DEAD;
  // The envelope or promise that was being handled makes room for the reason; what was waiting for it is told below.
  const current = process.current;
  process.current = reason;
  const { node, extras } = process;
  if (extras?.name !== undefined) node.names.delete(extras.name);
  process.pid.process = undefined;
  node.forget(process);
  if (current instanceof Envelope) {
    if (current.kind === CALL || current.kind === SYSTEM) failCall(current as PendingCall, reason);
    // One that has its answer must not get a promise now: nobody would hear of its rejection.
    else if (current.kind === INLINE_CALL && !(current as InlineCall).answered)
      failCall((current as InlineCall).pending(process), reason);
  }
  dying.push(process);
  if (spreading) return;
  spreading = true;
  for (let at = 0; at < dying.length; at++) {
    const victim = dying[at] as Process;
    try {
      bury(victim);
    } catch (error) {
      // One end that goes wrong must not keep the others from being heard of.
      victim.node.report({
        type: "warning",
        pid: victim.pid,
        label: victim.body.label,
        text: "its end could not be told to everyone",
        details: error,
        at: victim.node.runtime.clock.wallTime(),
      });
    }
  }
  dying.length = 0;
  spreading = false;
}

function bury(process: Process): void {
  const reason = process.exitReason;
  const { extras } = process;
  if (processExited.hasSubscribers) publish(processExited, { pid: process.pid, label: process.body.label, reason });
  if (extras !== undefined) {
    if (extras.timers !== undefined) for (const timer of extras.timers) timer.cancel();
    if (extras.atExit !== undefined) for (const callback of extras.atExit) callback(reason);
    extras.timers = extras.atExit = undefined;
  }
  failWaitingCalls(process, reason);
  const links: OneOrMany<LocalPid> = process.links;
  process.links = undefined;
  // OTP tells links and monitors in no promised order; names are free and both sides of each link undone before anyone runs.
  if (links instanceof Set) for (const other of links) breakLink(process.pid, other, reason);
  else if (links !== undefined) breakLink(process.pid, links, reason);
  const { watchers, watching, calls } = process;
  process.watchers = process.watching = process.calls = undefined;
  if (watchers instanceof Set) for (const monitor of watchers) monitor.fire(process.pid, reason);
  else watchers?.fire(process.pid, reason);
  for (const monitor of each(watching)) monitor.forget();
  process.body.ended(process);
  // Calls of the dead reject last: what awaited them is fenced code.
  for (const call of each(calls)) call.fail(fenceError(process.pid.toString(), reason));
  releaseOwned(process, reason);
  process.state = undefined;
  process.face = undefined;
  cool(process);
}

/** Has `callback` run when `process` ends, before links and monitors are told. */
export function atExit(process: Process, callback: (reason: ExitReason) => void): void {
  const extras = process.more();
  extras.atExit ??= new Set();
  extras.atExit.add(callback);
}

function failWaitingCalls(process: Process, reason: ExitReason): void {
  for (let at = process.head; at !== undefined; at = at.next)
    if (at.kind === CALL || at.kind === SYSTEM) failCall(at as PendingCall, reason);
  process.head = process.tail = undefined;
  process.mailboxLength = 0;
  const deferred = process.extras?.deferred;
  if (deferred !== undefined) for (const call of [...deferred]) failCall(call, reason);
}

/** OTP: the caller's monitor gives the callee's reason; nothing was there at all when that is noproc. */
function failCall(call: PendingCall, reason: ExitReason): void {
  const target = `${call.callee.pid} (${call.callee.body.label})`;
  const request = String(call.payload);
  call.fail(
    new InterlockError(
      "INTERLOCK_CALLEE_EXIT",
      `Call ${request} to ${target} failed: the callee ended with ${showReason(reason)}`,
      { target, request, reason },
      typeof reason === "object" && reason !== null && "error" in reason ? { cause: reason.error } : undefined,
    ),
  );
}

/** Closes what the process owns and aborts its signal. */
export function releaseOwned(process: Process, reason: ExitReason): void {
  if (process.extras?.abort !== undefined || process.extras?.owned !== undefined) runAs(process, release, reason);
}

/** In the context of the dead: listeners of its signal and closers of its resources are its own code. */
function release(process: Process, reason: ExitReason): void {
  const { owned, abort } = process.extras as NonNullable<Process["extras"]>;
  if (owned !== undefined) {
    for (const close of owned.values()) close();
    owned.clear();
  }
  abort?.abort(fenceError(process.pid.toString(), reason));
}
