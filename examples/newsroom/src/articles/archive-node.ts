/**
 * A node of the town that has the archive and nothing else, as the other nodes' database. The launcher runs it in a thread of
 * its own: what PostgreSQL thinks about for long holds up neither visitors nor the nodes' name server.
 */
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { LaunchedNode } from "@interlock/cli";
import { createNode, joinCluster, offerInspection } from "@interlock/cluster";
import { local, supervisor } from "@interlock/core";
import { townRules } from "../town/town-rules.ts";
import { storesClosed } from "./article-store.ts";
import { Articles } from "./articles.ts";

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
export async function openArchive(task: Task): Promise<AsyncDisposable> {
  const thread = new Worker(new URL(import.meta.url), { workerData: task });
  const ended = once(thread, "exit");
  // Rejects with what the thread could not do.
  await once(thread, "message");
  return {
    async [Symbol.asyncDispose]() {
      thread.postMessage("close");
      await ended;
    },
  };
}

async function run({ directory, place: { cookie, epmd, name } }: Task): Promise<void> {
  await using stack = new AsyncDisposableStack();
  stack.defer(storesClosed);
  offerInspection();
  const node = stack.use(await createNode({ name, cookie, epmd }));
  stack.use(await joinCluster(node, townRules));
  stack.use(await archiveSup.start(directory));
  if (parentPort === null) return;
  parentPort.postMessage("open");
  await once(parentPort, "message");
}

if (!isMainThread) await run(workerData as Task);
