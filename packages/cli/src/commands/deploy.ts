/** `interlock deploy`: sends the application to Kubernetes and follows it until it is there. */
import { isKubernetesError } from "@interlock/kubernetes";
import { type AppSpec, readAppSpec } from "../deploy/app-spec.ts";
import { applyAll, applyNamespace } from "../deploy/apply.ts";
import { type FollowOptions, followRollout } from "../deploy/follow.ts";
import { whileLocked } from "../deploy/lock.ts";
import { listOf, manifestOf } from "../deploy/manifest.ts";
import { render, renderNamespace } from "../deploy/render.ts";
import { badOption } from "../errors.ts";
import { signs } from "../ui/colour.ts";
import { answer, type Format, formatOf } from "../ui/output.ts";
import { bar, Progress } from "../ui/progress.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { untilSignalled } from "./interrupted.ts";
import { rotateIdentity } from "./rotate.ts";
import { watcher } from "./status.ts";

export interface DeployOptions {
  readonly file: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly createNamespace?: boolean;
  readonly context?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  /** Whether its pods are shown meanwhile. */
  readonly watch?: boolean;
  /** A line for each step, on a terminal too. */
  readonly plain?: boolean;
  /** Seconds. */
  readonly timeout: string;
  readonly output?: string;
  /** What its nodes know each other by is changed, and nothing else is done: `cookie` or `certificates`. */
  readonly rotate?: string;
}

/**
 * **Errors** `INTERLOCK_APP_FILE`, `INTERLOCK_LAUNCH_OPTION`, `INTERLOCK_DEPLOY_LOCKED`, `INTERLOCK_DEPLOY_LOCK_LOST`,
 * `INTERLOCK_DEPLOY_FORBIDDEN`, `INTERLOCK_NO_SUCH_NAMESPACE`, `INTERLOCK_ROLLOUT_FAILED`, `INTERLOCK_ROLLOUT_TIMEOUT`,
 * `INTERLOCK_INTERRUPTED`.
 */
export async function deploy(options: DeployOptions, terminal: Terminal): Promise<void> {
  const format = formatOf(options.output);
  const app = await readAppSpec(options.file);
  if (options.rotate !== undefined) return rotateIdentity(options.rotate, app, options, terminal);
  const image = options.image ?? app.image;
  if (image === undefined) throw badOption("image", "none", "spec.image in the file, or --image");
  const timeoutMs = Number(options.timeout) * 1_000;
  if (!(timeoutMs > 0)) throw badOption("--timeout", options.timeout, "seconds");
  if (options.dryRun === true) return printed(app, image, format, options, terminal);
  const connection = await terminal.connect(options.context);
  const { api } = connection;
  const namespace = options.namespace ?? api.namespace;
  const place = { app: app.name, namespace };
  const progress = new Progress(terminal.talk, options.plain === true);
  const say = (line: string): void => progress.step(line);
  const { talk } = terminal;
  try {
    say(`${app.name} → ${namespace} at ${api.server}`);
    await untilSignalled(async (interrupted) => {
      const applied: string[] = [];
      const told = (what: string): void => {
        applied.push(what);
        say(`${signs.good(talk)} ${what}`);
      };
      // Before the lock, which lies in it.
      if (options.createNamespace === true) await applyNamespace(api, namespace, told);
      const objects = render(app, { image, namespace });
      const rolledOut = await whileLocked(api, { ...place, say, signal: interrupted }, async (signal) => {
        await applyAll(api, objects, {
          cluster: app.cluster ?? app.name,
          tls: app.tls,
          namespace,
          signal,
          applied: told,
        });
        if (!options.wait) return undefined;
        return followRollout(connection, {
          ...place,
          timeoutMs,
          signal,
          moved: (state) => progress.now(lineOf(state, talk)),
          away: (problem) => progress.now(`${signs.waiting(talk)} ${problem}`),
          ...(options.watch === true && { looked: watcher(terminal) }),
        });
      });
      const ready = rolledOut?.rollout.ready;
      progress.end();
      if (ready !== undefined) say(`${signs.good(talk)} ${app.name}: ${ready} of ${app.replicas} pods are ready`);
      const done = { ...place, image, replicas: app.replicas, ready, applied };
      await answer(done, format, terminal.out, () => "");
    });
  } finally {
    progress.end();
    api.close();
  }
}

/** What is printed is what would be applied, in that order: all of it, but for the Secrets, which are made where they are missing. */
async function printed(
  app: AppSpec,
  image: string,
  format: Format,
  options: DeployOptions,
  terminal: Terminal,
): Promise<void> {
  const namespace = options.namespace ?? (await namespaceOf(terminal, options.context));
  const own = render(app, { image, namespace });
  const objects = options.createNamespace === true ? [renderNamespace(namespace), ...own] : own;
  terminal.out.write(format === "json" ? listOf(objects) : manifestOf(objects));
}

/** The context's, as without --dry-run; and where there is no kubeconfig, in a pipeline say, Kubernetes' own default. */
async function namespaceOf(terminal: Terminal, context: string | undefined): Promise<string> {
  try {
    const { api } = await terminal.connect(context);
    api.close();
    return api.namespace;
  } catch (error) {
    if (context === undefined && isKubernetesError(error, "INTERLOCK_KUBERNETES_CONFIG")) return "default";
    throw error;
  }
}

function lineOf(state: Parameters<FollowOptions["moved"]>[0], talk: TextStream): string {
  if (state.type === "done") return `${signs.good(talk)} rolled out`;
  const { ready, updated, wanted } = state;
  return `${signs.waiting(talk)} rollout ${bar(updated, wanted)} ${updated} of ${wanted} pods are new, ${ready} ready`;
}
