/** start, startLink, startMonitor: the same on every behaviour. */
import { badArgument, InterlockError } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import { currentProcess } from "../process/context.ts";
import type { MailboxOptions } from "../process/mailbox.ts";
import { type Monitor, startMonitor } from "../process/monitor.ts";
import type { Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { fence } from "../process/send.ts";
import { type GenBody, type Started, startGen } from "./gen.ts";

export interface Start<Args extends readonly unknown[], Ref> {
  /**
   * Starts one; resolves when init is done.
   *
   * **Errors** `INTERLOCK_START_FAILED`, `INTERLOCK_START_IGNORED`, `INTERLOCK_ALREADY_STARTED`.
   */
  start(...args: Args): Promise<Ref>;
  /** As `start`, linked to the calling process; called outside any process it links to nothing. */
  startLink(...args: Args): Promise<Ref>;
  /** As `start`, monitored by the calling process from the start. */
  startMonitor(...args: Args): Promise<{ readonly ref: Ref; readonly monitor: Monitor }>;
}

export type Starts<Args extends readonly unknown[], Ref> = (
  name: Name | undefined,
  mailbox?: MailboxOptions,
) => Start<Args, Ref>;

export function startWith<Args extends readonly unknown[], Ref>(
  body: GenBody,
  refOf: (target: Pid) => Ref,
): Starts<Args, Ref> {
  return (name, mailbox) => {
    const start = async (linked: boolean, args: Args, onReady?: (process: Process) => void): Promise<Pid> => {
      const parent = fence();
      const started: Started = await startGen(body, args, { linked, parent, name, mailbox, onReady });
      if ("ignored" in started) throw startIgnored(body.label);
      return started.pid;
    };
    return {
      start: async (...args) => refOf(await start(false, args)),
      startLink: async (...args) => refOf(await start(true, args)),
      startMonitor: async (...args) => {
        const watcher = currentProcess();
        if (watcher === undefined)
          throw badArgument(
            "startMonitor",
            "a call outside any process",
            "called by a process: use start and monitor(pid)",
          );
        // Before its first message: of a server that ends at once the DOWN has its reason, not noproc.
        const watch: { monitor?: Monitor } = {};
        const pid = await start(false, args, (process) => {
          watch.monitor = startMonitor(watcher, process, process.pid, undefined, undefined);
        });
        return { ref: refOf(pid), monitor: watch.monitor as Monitor };
      },
    };
  };
}

export function startIgnored(label: string): InterlockError<"INTERLOCK_START_IGNORED"> {
  return new InterlockError("INTERLOCK_START_IGNORED", `${label} did not start: init answered ignore()`, { label });
}
