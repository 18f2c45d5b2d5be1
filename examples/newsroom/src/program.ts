/** One newsroom in a pod, as one of the programs of a launcher, or alone at a terminal: started, and stopped in order. */
import { ready } from "@interlock/cli/child";
import { stopAllApplications } from "@interlock/core";
import { runPod } from "@interlock/kubernetes";
import { web } from "./http/web.ts";
import newsroom from "./newsroom.ts";
import { describeStartFailure } from "./reason.ts";

if (process.env["INTERLOCK_APP"] === undefined) await runHere();
else await runPod(newsroom, { critical: ["store_sup", "chat_sup", "web_sup"] });

async function runHere(): Promise<void> {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // Somebody who asks twice does not want to wait.
      if (stopping) process.exit(1);
      stopping = true;
      void stopAllApplications().then(() => process.exit(0));
    });
  }
  try {
    // Permanent: when its root supervisor gives up, nothing inside is left to heal with, so the program ends with an error
    // and whoever started it, an init system or a kubelet, starts it again. Rung 5 of the ladder.
    await newsroom.start({ type: "permanent" });
  } catch (error) {
    process.stderr.write(`The newsroom cannot start. ${describeStartFailure(error)}\n`);
    process.exit(1);
  }
  const url = await web.call.url();
  ready({ url });
  process.stdout.write(`The Lockgate Courier is open at ${url}\n`);
}
