/** Who is in process groups, as several nodes see it. */
import { type GroupEvent, group } from "@interlock/cluster";
import type { Pid, Self } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";

import type { TestNode } from "./nodes.ts";

/** A process of that node that waits for its end. */
export function member(at: TestNode): Pid<string> {
  const { pid } = at.start<string>(async (self) => {
    while ((await self.receive()) !== "stop");
  });
  return pid as LocalPid<never> as LocalPid<string>;
}

/** Processes of any nodes, to be compared: the same one is another object on another node. */
export function marks(pids: readonly unknown[]): readonly string[] {
  return pids.map((pid) => `${(pid as LocalPid).node}/${(pid as LocalPid).id}`).sort();
}

/** Resolves when the group has those members there, in any order and each as often as said. */
export function hasMembers(at: TestNode, name: unknown, wanted: readonly unknown[], scope = "pg"): Promise<void> {
  const goal = marks(wanted).join();
  return at.run(async (self: Self<GroupEvent>) => {
    const watched = group(name, { scope });
    const { demonitor } = watched.monitor(self.pid);
    while (marks(watched.members()).join() !== goal) await self.receive();
    demonitor();
  });
}
