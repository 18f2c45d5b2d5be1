/** A node of the town that has the archive and nothing else, as the other nodes' database. Here it is the launcher's. */
import type { LaunchedNode } from "@interlock/cli";
import { createNode, joinCluster } from "@interlock/cluster";
import { local, supervisor } from "@interlock/core";
import { townRules } from "../town/town-rules.ts";
import { Articles } from "./articles.ts";
import { storesClosed } from "./store-thread.ts";

interface Task {
  readonly place: LaunchedNode;
  readonly directory: string;
}

export const archiveSup = supervisor({
  name: "archive_sup",
  strategy: "one_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: (directory: string) => [Articles.child([directory], { name: local("articles") })],
});

/** Resolves when the archive is open. */
export async function openArchive({ directory, place: { cookie, epmd, name } }: Task): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  stack.defer(storesClosed);
  const node = stack.use(await createNode({ name, cookie, epmd }));
  stack.use(await joinCluster(node, townRules));
  stack.use(await archiveSup.start(directory));
  return stack.move();
}
