/** Looking at processes from anywhere. @see erlang:process_info/1 */
import { badArgument } from "../errors.ts";
import { register as registerName, unregister as unregisterName } from "../naming/local-names.ts";
import { awayOf, currentNode, isName, type Name, nameBase, resolve } from "../naming/name.ts";
import { currentProcess } from "./context.ts";
import { labelOf } from "./crash.ts";
import { atExit, exitSignal } from "./exit.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { Envelope } from "./mailbox.ts";
import { each } from "./one-or-many.ts";
import { LocalPid, localPid, makeRef, type Pid, RemotePid } from "./pid.ts";
import { PlainBody } from "./plain.ts";
import { BUSY, HIBERNATED, type Process, QUEUED, RUNNING, SUSPENDED, TRAP_EXIT } from "./process.ts";
import { fence } from "./send.ts";
import type { Down } from "./signal.ts";
import { spawnProcess } from "./spawn.ts";

export interface ProcessInfo {
  readonly pid: Pid;
  /** The module's or function's name, or the label it gave itself. */
  readonly label: string;
  readonly name: string | undefined;
  /** `busy`: an async handler is pending. */
  readonly status: "waiting" | "runnable" | "running" | "busy" | "suspended" | "hibernating";
  readonly parent: Pid | undefined;
  readonly links: readonly Pid[];
  readonly monitors: readonly Pid[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
  readonly mailboxLength: number;
  /** What waits, oldest first: messages, and casts and calls as `[name, ...arguments]`. */
  readonly messages: readonly unknown[];
  /** Messages handled so far. */
  readonly reductions: number;
  readonly currentHandler: string | undefined;
  /** Messages that its mailbox bound refused or threw away. */
  readonly dropped: number;
  /** An estimate in bytes: the runtime's own objects, without the state. */
  readonly memoryEstimate: number;
}

/** What is known of a process of this node; undefined for the dead. **Errors** `INTERLOCK_BAD_ARGUMENT` for others. */
export function processInfo(pid: Pid): ProcessInfo | undefined {
  const { process } = here(pid);
  if (process === undefined) return undefined;
  const { extras } = process;
  const messages = [...messagesOf(process)];
  const links = [...each(process.links)];
  const monitors = [...each(process.watching)].flatMap(({ watched }) => (watched === undefined ? [] : [watched]));
  const monitoredBy = [...each(process.watchers)].map((one) => one.by);
  return {
    pid,
    label: labelOf(process),
    name: extras?.name,
    status: statusOf(process),
    parent: process.parent,
    links,
    monitors,
    monitoredBy,
    trapExit: (process.flags & TRAP_EXIT) !== 0,
    mailboxLength: process.mailboxLength,
    messages,
    reductions: process.reductions,
    currentHandler: process.body.inspect(process).handler,
    dropped: extras?.bound?.dropped ?? 0,
    memoryEstimate:
      350 +
      64 * messages.length +
      40 * (links.length + monitors.length + monitoredBy.length) +
      (extras === undefined ? 0 : 150),
  };
}

function statusOf(process: Process): ProcessInfo["status"] {
  if ((process.flags & SUSPENDED) !== 0) return "suspended";
  if ((process.flags & RUNNING) !== 0 || currentProcess() === process) return "running";
  if ((process.flags & BUSY) !== 0) return "busy";
  if ((process.flags & QUEUED) !== 0) return "runnable";
  if ((process.flags & HIBERNATED) !== 0) return "hibernating";
  return "waiting";
}

function* messagesOf(process: Process): Iterable<unknown> {
  const waiting = process.body instanceof PlainBody ? process.body.messages(process) : inOrder(process.head);
  for (const { args, payload } of waiting) yield args === undefined ? payload : [payload, ...args];
}

function* inOrder(head: Envelope | undefined): Iterable<Envelope> {
  for (let at = head; at !== undefined; at = at.next) yield at;
}

/** All processes of this node, oldest first. */
export function processes(): readonly Pid[] {
  return [...currentNode().processes()].map((process) => process.pid);
}

/** **Errors** `INTERLOCK_BAD_ARGUMENT` for a process of another node: monitor it. @see erlang:is_process_alive/1 */
export function isAlive(pid: Pid): boolean {
  return here(pid).process !== undefined;
}

/** Sends an exit signal; `"kill"` cannot be trapped and arrives at links as `"killed"`. @see erlang:exit/2 */
export function exit(target: Pid, reason: ExitReason): void {
  const from = fence()?.pid ?? currentNode().nobody;
  const { process, home } = checked(target);
  if (process !== undefined) exitSignal(from, process, reason);
  else home.route?.exit(from, localPid(target), reason);
}

/** The process that has the name now. */
export function whereis(name: Name): Pid | undefined {
  const pid = nameBase(name).whereis(currentNode());
  return pid instanceof RemotePid || pid?.process !== undefined ? pid : undefined;
}

/**
 * Gives `pid` a name on this node.
 *
 * **Errors** `INTERLOCK_NAME_TAKEN`, `INTERLOCK_ALREADY_NAMED`, `INTERLOCK_NOPROC` for the dead, `INTERLOCK_BAD_ARGUMENT`.
 */
export function register(name: string, pid: Pid): void {
  fence();
  registerName(currentNode(), name, here(pid));
}

/** **Errors** `INTERLOCK_BAD_ARGUMENT` for a name nobody has. */
export function unregister(name: string): void {
  fence();
  unregisterName(currentNode(), name);
}

/** All names on this node. @see erlang:registered/0 */
export function registered(): readonly string[] {
  return [...currentNode().names.keys()];
}

/**
 * Resolves when `pid` ends. For code that is not a process; a process uses `self.monitor`.
 *
 * **Errors** rejects with the signal's reason when that is aborted first.
 *
 * @example
 * const printer = spawn(async (self) => {
 *   await self.receive();
 * });
 * const end = monitor(printer);
 * exit(printer, "kill");
 * console.log((await end).reason); // killed
 */
export function monitor(target: Pid | Name, options?: { readonly signal?: AbortSignal }): Promise<Down> {
  fence();
  const signal = options?.signal;
  const name = isName(target) ? target.toString() : undefined;
  const process = isName(target) ? resolve(target) : checked(target).process;
  const pid = process?.pid ?? (isName(target) ? currentNode().nobody : checked(target));
  const down = (reason: ExitReason): Down => ({ type: "DOWN", ref: makeRef(), pid, name, reason });
  if (process === undefined && awayOf(target) !== undefined) return monitorAway(target, signal);
  if (process === undefined) return Promise.resolve(down("noproc"));
  return new Promise((resolveDown, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error);
    const ended = (reason: ExitReason): void => {
      signal?.removeEventListener("abort", aborted);
      resolveDown(down(reason));
    };
    const aborted = (): void => {
      process.extras?.atExit?.delete(ended);
      reject(signal?.reason as Error);
    };
    atExit(process, ended);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** A process that does the waiting: signals of other nodes go to processes. */
function monitorAway(target: Pid | Name, signal: AbortSignal | undefined): Promise<Down> {
  const { promise, resolve: resolveDown, reject } = Promise.withResolvers<Down>();
  const watcher = spawnProcess(
    currentNode(),
    async function monitor(self) {
      resolveDown(await self.receive(self.monitor(target).down));
    },
    undefined,
    false,
    undefined,
  );
  const aborted = (): void => {
    exitSignal(watcher.pid, watcher, "normal");
    reject(signal?.reason as Error);
  };
  if (signal?.aborted === true) aborted();
  else signal?.addEventListener("abort", aborted, { once: true });
  return promise.finally(() => signal?.removeEventListener("abort", aborted));
}

/** A pid of this node. */
function here(pid: Pid): LocalPid {
  const known = checked(pid);
  if (known.home.route !== undefined) throw badArgument("pid", pid, "a process of this node");
  return known;
}

function checked(pid: Pid): LocalPid {
  if (!(pid instanceof LocalPid)) throw badArgument("pid", pid, "a pid");
  return pid;
}
