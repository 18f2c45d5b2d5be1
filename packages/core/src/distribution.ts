/**
 * What the packages beside this one need of it beyond its public names: above all the receiving side of a route, as signals that
 * came from another node act here exactly as a local one does. No promise is made about this module between two versions.
 */
import { systemCall } from "./behaviour/client.ts";
import { GenBody } from "./behaviour/gen.ts";
import { badArgument } from "./errors.ts";
import { defaultNode, type LocalNode } from "./node.ts";
import { IncomingCall, type RemoteCaller } from "./process/call.ts";
import { currentProcess } from "./process/context.ts";
import { atExit, exitSignal, linkBroken } from "./process/exit.ts";
import type { ExitReason } from "./process/exit-reason.ts";
import { CAST, Envelope, SIGNAL } from "./process/mailbox.ts";
import type { Watcher } from "./process/monitor.ts";
import { add, has, remove } from "./process/one-or-many.ts";
import type { LocalPid } from "./process/pid.ts";
import type { Process } from "./process/process.ts";
import { SupervisorBody } from "./supervision/supervisor-body.ts";

export { type BackOff, backOffMs } from "./back-off.ts";
export {
  becomeForwarder,
  packProcess,
  type Remainder,
  takeDeferred,
  takeRemainder,
  unpackProcess,
} from "./behaviour/hand-over.ts";
export { register as registerName } from "./naming/local-names.ts";
export { currentNode, NameBase } from "./naming/name.ts";
export { pause } from "./pause.ts";
export { LocalAlias } from "./process/alias.ts";
export { IncomingCall, OpenCall, type RemoteCaller, rejectFor } from "./process/call.ts";
export { showReason } from "./process/exit-reason.ts";
export { KeyedMatcher } from "./process/matcher.ts";
export { LocalMonitor, type Watcher } from "./process/monitor.ts";
export { type Home, LocalPid, Reference, RemotePid, RemoteReference } from "./process/pid.ts";
export type { Process } from "./process/process.ts";
export type { Addressee, Away, Network, Route } from "./process/route.ts";
export { deliverMessage } from "./process/send.ts";
export { spawnProcess } from "./process/spawn.ts";

/** Who runs now: a process, or outside any the default node as its pid of no process. */
export function callerOf(): { readonly node: LocalNode; readonly pid: LocalPid } {
  const process = currentProcess();
  const node = process?.node ?? defaultNode();
  return { node, pid: process?.pid ?? node.nobody };
}

/** Whether calls and casts reach handlers there; a plain process takes them as messages. */
export function isBehaviour(process: Process): boolean {
  return process.body instanceof GenBody;
}

/** Whether it can be asked what a supervisor can be asked. */
export function isSupervisor({ process }: LocalPid): boolean {
  return process !== undefined && process.body instanceof SupervisorBody;
}

export function deliverCast(process: Process, operation: string, args: readonly unknown[]): void {
  process.deliver(new Envelope(CAST, operation, args));
}

export function deliverCall(process: Process, operation: string, args: readonly unknown[], caller: RemoteCaller): void {
  process.deliver(new IncomingCall(operation, args, process, caller));
}

/** Another node's order to a process of a behaviour to end. `taken` runs when it obeys. */
export function deliverStop(process: Process, reason: ExitReason, taken: () => void): void {
  const stop = ({ body }: Process): void => {
    taken();
    (body as GenBody).stop(process, reason);
  };
  systemCall(process.pid, "stop", stop, Number.POSITIVE_INFINITY).catch(() => undefined); // It has ended meanwhile.
}

/** A process of another node has linked itself to this one. */
export function linkedFrom(from: LocalPid, process: Process): void {
  process.links = add(process.links, from);
}

export function unlinkedFrom(from: LocalPid, process: Process): void {
  process.links = remove(process.links, from);
}

/** The other side of a link has ended, or the way to it. Nothing when the link is gone already. */
export function linkEnded(from: LocalPid, process: Process, reason: ExitReason): void {
  if (!has(process.links, from)) return;
  process.links = remove(process.links, from);
  linkBroken(from, process, reason);
}

/** An exit signal of another node's `exit(pid, reason)`. */
export function exitFrom(from: LocalPid, process: Process, reason: ExitReason): void {
  exitSignal(from, process, reason);
}

/** Puts a message of the runtime itself into a mailbox: `receive` gives it only to a matcher that asks for signals. */
export function deliverSignal(process: Process, message: unknown): void {
  process.deliver(new Envelope(SIGNAL, message, undefined));
}

/** `callback` runs when `process` ends, before its links and monitors are told. @returns what takes it back. */
export function onEnd(process: Process, callback: (reason: ExitReason) => void): () => void {
  atExit(process, callback);
  return () => process.extras?.atExit?.delete(callback);
}

/** The process whose code runs. **Errors** `INTERLOCK_BAD_ARGUMENT` outside any. */
export function callingProcess(what: string): Process {
  const process = currentProcess();
  if (process === undefined) throw badArgument(what, "a call outside any process", "called by the code of a process");
  return process;
}

/** `watcher.fire` is called once when the process ends, unless `unwatch` comes first. */
export function watch(process: Process, watcher: Watcher): void {
  process.watchers = add(process.watchers, watcher);
}

export function unwatch(process: Process, watcher: Watcher): void {
  process.watchers = remove(process.watchers, watcher);
}
