/** Starting plain processes. @see erlang:spawn/1 */
import { badArgument } from "../errors.ts";
import { currentNode } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import { processSpawned, publish } from "../report/telemetry.ts";
import type { AliasMode } from "./alias.ts";
import { join } from "./link.ts";
import type { MailboxOptions } from "./mailbox.ts";
import { type AliasedMonitor, type Monitor, type MonitorOptions, startMonitor } from "./monitor.ts";
import { type Pid, pidOf } from "./pid.ts";
import { PlainBody } from "./plain.ts";
import { BOUNDED, type Body, Process } from "./process.ts";
import { makeSelf, type Self } from "./self.ts";
import { fence } from "./send.ts";

export interface SpawnOptions {
  /** Unbounded unless given. */
  readonly mailbox?: MailboxOptions;
}

export interface SpawnMonitorOptions extends SpawnOptions {
  readonly monitor?: MonitorOptions;
}

type Run<M> = (self: Self<M>) => void | Promise<void>;

/** Makes a process known to its node. The caller has it run its first slice. */
export function admit(
  node: LocalNode,
  body: Body,
  parent: Process | undefined,
  mailbox: MailboxOptions | undefined,
): Process {
  const process = new Process(node, body, parent?.pid);
  if (mailbox !== undefined) bound(process, mailbox);
  node.admit(process);
  if (processSpawned.hasSubscribers) publish(processSpawned, { pid: process.pid, label: body.label });
  return process;
}

export function spawnProcess<M>(
  node: LocalNode,
  run: Run<M>,
  parent: Process | undefined,
  linked: boolean,
  options: SpawnOptions | undefined,
): Process {
  if (typeof run !== "function") throw badArgument("run", run, "a function");
  const process = admit(node, new PlainBody(run as (self: never) => unknown, makeSelf), parent, options?.mailbox);
  if (linked && parent !== undefined) join(parent, process);
  process.schedule();
  return process;
}

function bound(process: Process, mailbox: MailboxOptions): void {
  const { capacity, overflow } = mailbox;
  if (!Number.isInteger(capacity) || capacity < 1)
    throw badArgument("mailbox.capacity", capacity, "a whole number, 1 or more");
  if (overflow !== "reject" && overflow !== "drop_oldest" && overflow !== "exit")
    throw badArgument("mailbox.overflow", overflow, '"reject", "drop_oldest" or "exit"');
  process.more().bound = { capacity, overflow, waiting: 0, dropped: 0, senders: [] };
  process.flags |= BOUNDED;
}

/**
 * Starts a process that runs `run` and ends with it.
 *
 * @example
 * const echo = spawn<{ type: "say"; text: string }>(async (self) => {
 *   const said = await self.receive({ type: "say" });
 *   console.log(said.text); // hello
 * });
 * send(echo, { type: "say", text: "hello" });
 */
export function spawn<M>(run: Run<M>, options?: SpawnOptions): Pid<M> {
  const parent = fence();
  return pidOf(spawnProcess(parent?.node ?? currentNode(), run, parent, false, options));
}

/** As `spawn`, linked to the caller from the start; called outside any process it links to nothing. */
export function spawnLink<M>(run: Run<M>, options?: SpawnOptions): Pid<M> {
  const parent = fence();
  return pidOf(spawnProcess(parent?.node ?? currentNode(), run, parent, true, options));
}

/** As `spawn`, monitored by the caller from the start. **Errors** `INTERLOCK_BAD_ARGUMENT` outside any process. */
export function spawnMonitor<M, Own = never>(
  run: Run<M>,
  options: SpawnMonitorOptions & { readonly monitor: { readonly alias: AliasMode } },
): { readonly pid: Pid<M>; readonly monitor: AliasedMonitor<Own> };
export function spawnMonitor<M>(
  run: Run<M>,
  options?: SpawnMonitorOptions,
): { readonly pid: Pid<M>; readonly monitor: Monitor };
export function spawnMonitor<M>(
  run: Run<M>,
  options?: SpawnMonitorOptions,
): { readonly pid: Pid<M>; readonly monitor: Monitor } {
  const parent = fence();
  if (parent === undefined)
    throw badArgument("spawnMonitor", "a call outside any process", "called by a process: use spawn and monitor(pid)");
  const process = spawnProcess(parent.node, run, parent, false, options);
  return { pid: pidOf(process), monitor: startMonitor(parent, process, process.pid, undefined, options?.monitor) };
}
