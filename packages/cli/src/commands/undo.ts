/** `interlock undo`: back to a version that was deployed before, of which Kubernetes keeps the ReplicaSet. */
import type { Applied, KubernetesApi, KubernetesType } from "@interlock/kubernetes";
import { fieldManager } from "../deploy/apply.ts";
import { followRollout } from "../deploy/follow.ts";
import { whileLocked } from "../deploy/lock.ts";
import type { Deployment } from "../deploy/rollout.ts";
import { badOption, CliError } from "../errors.ts";
import { type ReplicaSet, revisionOf } from "../inspect/app-state.ts";
import type { AppPlace } from "../inspect/read-app.ts";
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
  const place = { app, namespace };
  const say = (line: string): void => void talk.write(`${line}\n`);
  const takeBack = async ({ dryRun, signal }: { readonly dryRun: boolean; readonly signal?: AbortSignal }) => {
    const { deployment, replicaSets } = await readRevisions(api, place);
    const target = targetOf(deployment, replicaSets, to);
    const template = withoutHash(target.spec?.template);
    say(`${app} in ${namespace}: revision ${revisionOf(deployment) ?? "?"} → revision ${revisionOf(target)}`);
    for (const line of differences(deployment.spec?.template, template)) say(`  ${line}`);
    // As the deployment itself did, so that the next one meets fields of its own and no conflict.
    await api.apply(kindsIn(namespace).deployments, goneBack(deployment, template), { fieldManager, dryRun, signal });
  };
  try {
    if (options.dryRun === true) {
      await takeBack({ dryRun: true });
      return say("nothing was changed: --dry-run");
    }
    const state = await untilSignalled((interrupted) =>
      whileLocked(api, { ...place, say, signal: interrupted }, async (signal) => {
        // Read only now: whoever held the lock before may have deployed.
        await takeBack({ dryRun: false, signal });
        if (!options.wait) return undefined;
        return followRollout(connection, {
          ...place,
          timeoutMs,
          signal,
          moved: (rollout) => {
            if (rollout.type === "progressing")
              say(`${signs.waiting(talk)} ${rollout.updated} of ${rollout.wanted} pods, ${rollout.ready} ready`);
          },
          away: (problem) => say(`${signs.waiting(talk)} ${problem}`),
        });
      }),
    );
    if (state !== undefined) say(`${signs.good(talk)} ${sentenceOf(state)}`);
  } finally {
    api.close();
  }
}

/** The Deployment, and what is kept of it. */
async function readRevisions(api: KubernetesApi, { app, namespace }: AppPlace) {
  const { deployments, replicaSets } = kindsIn(namespace);
  const [deployment, { items }] = await Promise.all([
    api.get(deployments, app),
    api.list(replicaSets, { labelSelector: `app.kubernetes.io/name=${app}` }),
  ]);
  return { deployment, replicaSets: items };
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
