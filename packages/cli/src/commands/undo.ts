/** `interlock undo`: back to a version that was deployed before, of which Kubernetes keeps the ReplicaSet. */
import type { Applied, KubernetesType } from "@interlock/kubernetes";
import { fieldManager } from "../deploy/apply.ts";
import { followRollout } from "../deploy/follow.ts";
import { whileLocked } from "../deploy/lock.ts";
import type { Deployment } from "../deploy/rollout.ts";
import { badOption, CliError } from "../errors.ts";
import { appState, type ReplicaSet, revisionOf } from "../inspect/app-state.ts";
import { readApp } from "../inspect/read-app.ts";
import { whichApp } from "../inspect/which-app.ts";
import { kindsIn } from "../kinds.ts";
import { signs } from "../ui/colour.ts";
import type { Terminal } from "../ui/terminal.ts";
import { untilSignalled } from "./interrupted.ts";
import { sentenceOf } from "./status.ts";

export interface UndoOptions {
  readonly file: string;
  readonly namespace?: string;
  readonly context?: string;
  /** A revision. Default: the one before. */
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: string;
}

type Template = NonNullable<Deployment["spec"]>["template"];

/** **Errors** `INTERLOCK_NO_SUCH_REVISION`, `INTERLOCK_ROLLOUT_FAILED`, `INTERLOCK_ROLLOUT_TIMEOUT`, those of the API server. */
export async function undo(named: string | undefined, options: UndoOptions, terminal: Terminal): Promise<void> {
  const app = await whichApp(named, options.file);
  const to = options.to === undefined ? undefined : wholeNumber("--to", options.to);
  const timeoutMs = wholeNumber("--timeout", options.timeout) * 1_000;
  const connection = await terminal.connect(options.context);
  const { api } = connection;
  const { talk } = terminal;
  const namespace = options.namespace ?? api.namespace;
  try {
    const { deployment, replicaSets } = await readApp(connection, { app, namespace });
    const target = targetOf(deployment, replicaSets, to);
    const from = revisionOf(deployment);
    const template = withoutHash(target.spec?.template);
    talk.write(`${app} in ${namespace}: revision ${from ?? "?"} → revision ${revisionOf(target)}\n`);
    for (const line of differences(deployment.spec?.template, template)) talk.write(`  ${line}\n`);
    const { deployments } = kindsIn(namespace);
    const dryRun = options.dryRun === true;
    // As the deployment itself did, so that the next one meets fields of its own and no conflict.
    const apply = () => api.apply(deployments, goneBack(deployment, template), { fieldManager, dryRun });
    if (dryRun) {
      await apply();
      talk.write("nothing was changed: --dry-run\n");
      return;
    }
    const say = (line: string): void => void talk.write(`${line}\n`);
    await untilSignalled((interrupted) =>
      whileLocked(api, { app, namespace, say, signal: interrupted }, async (signal) => {
        await apply();
        if (!options.wait) return;
        await followRollout(connection, {
          app,
          namespace,
          timeoutMs,
          signal,
          moved: (state) => {
            if (state.type === "progressing")
              say(`${signs.waiting(talk)} ${state.updated} of ${state.wanted} pods, ${state.ready} ready`);
          },
        });
      }),
    );
    if (!options.wait) return;
    talk.write(`${signs.good(talk)} ${sentenceOf(appState(await readApp(connection, { app, namespace })))}\n`);
  } finally {
    api.close();
  }
}

/** The ReplicaSet of that revision, else the newest that is not the present one. */
function targetOf(deployment: Deployment, sets: readonly ReplicaSet[], to: number | undefined): ReplicaSet {
  const app = deployment.metadata?.name ?? "";
  const now = revisionOf(deployment);
  const kept = sets
    .filter((set) => revisionOf(set) !== undefined && revisionOf(set) !== now)
    .sort((a, b) => (revisionOf(b) ?? 0) - (revisionOf(a) ?? 0));
  const found = to === undefined ? kept[0] : kept.find((set) => revisionOf(set) === to);
  if (found !== undefined) return found;
  const known = kept.map((set) => revisionOf(set) ?? 0);
  const what = to === undefined ? "no revision before this one" : `no revision ${to}`;
  const others = known.length === 0 ? "no other is kept" : `those that are kept: ${known.join(", ")}`;
  const message = `${app} is at revision ${now ?? "?"}, and has ${what} to go back to; ${others}`;
  throw new CliError("INTERLOCK_NO_SUCH_REVISION", message, { app, revision: to, known });
}

/** What the deployment controller has added to tell its ReplicaSets apart. */
function withoutHash(template: Template | undefined): Template {
  const { "pod-template-hash": _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } } as Template;
}

/** The Deployment as it is, with that template: all that is applied stays owned, and nothing that belongs to the server is sent. */
function goneBack(
  { metadata, spec }: Deployment,
  template: Template,
): Applied<KubernetesType<"apps/v1", "Deployment">> {
  const { labels, name = "", namespace } = metadata ?? {};
  const own = { name, ...(namespace !== undefined && { namespace }), ...(labels !== undefined && { labels }) };
  return { metadata: own, spec: { ...spec, template } } as Applied<Deployment>;
}

/** What a person wants to know before: the images, and the variables of the environment. */
function differences(from: Template | undefined, to: Template): readonly string[] {
  const before = factsOf(from);
  const after = factsOf(to);
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? "none"} → ${after.get(name) ?? "none"}`);
}

function factsOf(template: Template | undefined): ReadonlyMap<string, string> {
  return new Map(
    (template?.spec?.containers ?? []).flatMap(({ env = [], image = "", name: container }) => [
      [`image of ${container}`, image] as const,
      ...env.map(({ name, value, valueFrom }) => [name, value ?? JSON.stringify(valueFrom ?? "")] as const),
    ]),
  );
}

function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw badOption(option, JSON.stringify(text), "a whole number, 1 or more");
}
