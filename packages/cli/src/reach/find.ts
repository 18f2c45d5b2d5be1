/** Finds the nodes that a command is about: of this pod's cluster, of a launcher on this machine, or on Kubernetes. */
import { badOption, CliError } from "../errors.ts";
import { whichApp } from "../inspect/which-app.ts";
import type { Terminal } from "../ui/terminal.ts";
import { type FoundLauncher, localReach, runningLaunchers } from "./local-nodes.ts";
import type { KnownNode, Reach } from "./reach.ts";

export interface ReachOptions {
  readonly file: string;
  readonly app?: string;
  readonly namespace?: string;
  readonly context?: string;
  /** The nodes of a launcher on this machine and no others. */
  readonly local?: boolean;
  /** Those of the one with that PID, and no others. */
  readonly launcher?: string;
}

/**
 * **Errors** `INTERLOCK_NO_SUCH_CLUSTER`; `INTERLOCK_LAUNCH_OPTION` when several launchers may be meant;
 * `INTERLOCK_PLATFORM_REQUEST` when one gives no answer; `INTERLOCK_APP_FILE`; those of the API server.
 */
export async function findNodes(options: ReachOptions, terminal: Terminal): Promise<Reach> {
  const { context, launcher: pid, namespace } = options;
  const local = options.local === true || pid !== undefined;
  const isAsked = !local && (context !== undefined || namespace !== undefined);
  if (!isAsked && !local && process.env["INTERLOCK_APP"] !== undefined) {
    const { podReach } = await import("./pod-nodes.ts");
    const reach = await podReach();
    if (reach !== undefined) return reach;
  }
  if (!isAsked) {
    // Without a name any launcher will do, when there is but one.
    const app = options.app ?? (pid === undefined ? await appOf(options.file) : undefined);
    const found = await runningLaunchers({ app, pid });
    const [launcher] = found;
    if (found.length === 1 && launcher !== undefined) return localReach(launcher);
    if (found.length > 1) throw several(found);
    if (local)
      throw new CliError("INTERLOCK_NO_SUCH_CLUSTER", `No launcher${named(app, pid)} runs on this machine`, {
        app,
        looked: ["this machine"],
      });
  }
  const app = await whichApp(options.app, options.file);
  const { kubernetesReach } = await import("./kubernetes-nodes.ts");
  const connection = await terminal.connect(context);
  try {
    return await kubernetesReach(connection, app, namespace ?? connection.api.namespace);
  } catch (error) {
    connection.api.close();
    throw error;
  }
}

function named(app: string | undefined, pid: string | undefined): string {
  return `${app === undefined ? "" : ` of ${app}`}${pid === undefined ? "" : ` with PID ${pid}`}`;
}

/** The name tells them apart, unless some have the same. */
function several(found: readonly FoundLauncher[]): CliError<"INTERLOCK_LAUNCH_OPTION"> {
  const apps = new Set(found.map(({ app }) => app));
  const [option, each] =
    apps.size === found.length ? ["--app", [...apps]] : ["--launcher", found.map(({ app, pid }) => `${pid} (${app})`)];
  return badOption(option, "nothing", `one of the launchers on this machine: ${each.join(", ")}`);
}

/** Undefined where there is no such file. */
async function appOf(file: string): Promise<string | undefined> {
  const { readAppSpec } = await import("../deploy/app-spec.ts");
  return readAppSpec(file).then(
    ({ name }) => name,
    (error: CliError<"INTERLOCK_APP_FILE">) => {
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
      throw error;
    },
  );
}

/** By its id, its whole name, or its address. **Errors** `INTERLOCK_NO_SUCH_NODE`. */
export function nodeNamed({ nodes, where }: Reach, wanted: string): KnownNode {
  const found = nodes.find(({ id, name }) => id === wanted || name === wanted || name.endsWith(`@${wanted}`));
  if (found !== undefined) return found;
  const known = nodes.map(({ id }) => id);
  throw new CliError(
    "INTERLOCK_NO_SUCH_NODE",
    `There is no node ${wanted} of ${where}: there are ${known.join(", ")}`,
    {
      node: wanted,
      known,
    },
  );
}
