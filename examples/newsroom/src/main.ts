/** Starts the newsroom and stops it, in order, when the terminal or the system says so. */
import { local, monitor, type SupervisorRef } from "@interlock/core";
import { readConfig } from "./config.ts";
import { web } from "./http/web.ts";
import { newsroomSup } from "./newsroom.ts";
import { describeStartFailure } from "./reason.ts";

const newsroom = await open().catch((error: unknown) => {
  process.stderr.write(`The newsroom cannot start. ${describeStartFailure(error)}\n`);
  process.exit(1);
});

function open(): Promise<SupervisorRef> {
  return Promise.resolve().then(() => newsroomSup.named(local("newsroom_sup")).startLink(readConfig(process.env)));
}

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Somebody who asks twice does not want to wait.
    if (stopping) process.exit(1);
    stopping = true;
    void newsroom.stop("shutdown").then(() => process.exit(0));
  });
}

process.stdout.write(`The Lockgate Courier is open at ${await web.call.url()}\n`);

// Rung 5: when the root supervisor has given up there is nothing left to heal with inside, so the system starts us anew.
await monitor(newsroom.pid);
if (!stopping) process.exit(1);
