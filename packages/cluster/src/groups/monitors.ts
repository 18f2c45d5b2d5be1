/** Who on a node is told of the changes of its groups. @see pg:monitor/1 */
import { makeRef, type Pid, type Ref } from "@interlock/core";
import { deliverMessage, type LocalPid, onEnd } from "@interlock/core/distribution";
import type { GroupName } from "./group-name.ts";
import type { Change } from "./state.ts";

/** Processes have joined a group or left it, by themselves, by their end or with their node. */
export interface GroupEvent<in M = never> {
  readonly type: "group";
  readonly change: Change;
  /** The monitor's. */
  readonly ref: Ref;
  /** The group's name. */
  readonly group: unknown;
  /** One that joined twice is there twice. */
  readonly pids: readonly Pid<M>[];
}

export class GroupMonitors {
  /** By the group's key; undefined for all groups. */
  readonly #by = new Map<string | undefined, Map<Ref, LocalPid>>();

  /** Undefined for `group`: all groups. @returns the monitor's reference, and what ends it. */
  add(group: GroupName | undefined, pid: LocalPid): { readonly ref: Ref; readonly end: () => boolean } {
    const { process } = pid;
    const ref = makeRef();
    if (process === undefined) return { ref, end: () => false };
    let monitors = this.#by.get(group?.key);
    if (monitors === undefined) {
      monitors = new Map();
      this.#by.set(group?.key, monitors);
    }
    monitors.set(ref, pid);
    const forget = onEnd(process, () => end());
    const end = (): boolean => {
      forget();
      const there = monitors.delete(ref);
      if (there && monitors.size === 0) this.#by.delete(group?.key);
      return there;
    };
    return { ref, end };
  }

  tell(change: Change, group: GroupName, pids: readonly LocalPid[]): void {
    for (const key of [group.key, undefined])
      for (const [ref, { process }] of this.#by.get(key) ?? []) {
        const event: GroupEvent = { type: "group", change, ref, group: group.value, pids: pids as readonly Pid[] };
        if (process !== undefined) deliverMessage(process, event);
      }
  }
}
