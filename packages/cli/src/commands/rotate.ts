/** `interlock deploy --rotate`: changes what the nodes know each other by, while they run, and nothing else. */
import type { AppSpec } from "../deploy/app-spec.ts";
import { fieldManager } from "../deploy/apply.ts";
import { whileLocked } from "../deploy/lock.ts";
import { badOption } from "../errors.ts";
import { rotate } from "../identity/rotate.ts";
import { signs } from "../ui/colour.ts";
import type { Terminal } from "../ui/terminal.ts";
import { untilSignalled } from "./interrupted.ts";

export interface RotateCommandOptions {
  readonly namespace?: string;
  readonly context?: string;
}

/**
 * **Errors** `INTERLOCK_ROTATION_STALLED`, `INTERLOCK_CLUSTER_SECRET`, `INTERLOCK_LAUNCH_OPTION`, those of the two locks and of the
 * API server.
 */
export async function rotateIdentity(
  what: string,
  app: AppSpec,
  options: RotateCommandOptions,
  terminal: Terminal,
): Promise<void> {
  if (what !== "cookie" && what !== "certificates") throw badOption("--rotate", what, "cookie or certificates");
  if (what === "certificates" && !app.tls) throw badOption("--rotate", what, "cookie: spec.tls of the file is false");
  const { talk } = terminal;
  const say = (line: string): void => void talk.write(`${line}\n`);
  const connection = await terminal.connect(options.context);
  const { api } = connection;
  const { cluster = app.name } = app;
  const namespace = options.namespace ?? api.namespace;
  try {
    say(`the ${what} of ${cluster} in ${namespace} at ${api.server}`);
    await untilSignalled((interrupted) =>
      // Its other applications may be deployed meanwhile, but must not rotate.
      whileLocked(api, { app: app.name, namespace, say, signal: interrupted }, (held) =>
        whileLocked(api, { doing: "rotate", app: cluster, namespace, say, signal: held }, (signal) =>
          rotate(connection, {
            what,
            cluster,
            namespace,
            fieldManager,
            signal,
            say: (line) => say(`${signs.waiting(talk)} ${line}`),
          }),
        ),
      ),
    );
    say(`${signs.good(talk)} the ${what} of ${cluster} is another one`);
  } finally {
    api.close();
  }
}
