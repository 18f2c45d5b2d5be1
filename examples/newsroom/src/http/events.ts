/** The event streams: each is a process of its own for as long as its page is open. */
import { dynamicSupervisor, exit, local, monitor } from "@interlock/core";
import { onDrain } from "@interlock/kubernetes";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { ReaderServer } from "./reader.ts";

export const readersSup = dynamicSupervisor(ReaderServer, {
  name: local("readers_sup"),
  restart: "temporary",
  maxChildren: 1_000,
  // News is only worth something while it is new.
  mailbox: { capacity: 64, overflow: "drop_oldest" },
});

export function streamEvents(c: Context, wantsTree: boolean, here: string): Response {
  return streamSSE(c, async (stream) => {
    const { pid } = await readersSup.startChild(stream, wantsTree, here);
    stream.onAbort(() => exit(pid, { shutdown: "closed" }));
    if (stream.aborted) exit(pid, { shutdown: "closed" });
    // The stream lasts as long as its process.
    await monitor(pid);
  });
}

/** The streams have no end of their own: readers come back to another node by themselves. */
async function endStreams(): Promise<void> {
  for (const { pid } of await readersSup.whichChildren()) if (pid !== undefined) exit(pid, { shutdown: "closed" });
}

onDrain({ name: "event streams", phase: "requests", run: endStreams });
