/** `interlock deploy`: sends the application to Kubernetes and follows it until it is there. */
import { connectKubernetes } from "@interlock/kubernetes";
import { readAppSpec } from "../deploy/app-spec.ts";
import { applyAll } from "../deploy/apply.ts";
import { followRollout } from "../deploy/follow.ts";
import { manifestOf } from "../deploy/manifest.ts";
import { render } from "../deploy/render.ts";
import type { RolloutState } from "../deploy/rollout.ts";
import { badOption } from "../errors.ts";

export interface DeployOptions {
  readonly file: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: string;
}

export async function deploy(options: DeployOptions): Promise<void> {
  const app = await readAppSpec(options.file);
  const image = options.image ?? app.image;
  if (image === undefined) throw badOption("image", "none", "spec.image in the file, or --image");
  if (options.dryRun === true) {
    process.stdout.write(manifestOf(render(app, { image, namespace: options.namespace ?? "default" })));
    return;
  }
  const api = await connectKubernetes(options.context === undefined ? {} : { context: options.context });
  try {
    const namespace = options.namespace ?? api.namespace;
    const rendered = render(app, { image, namespace });
    say(`${app.name} → ${namespace} at ${api.server}`);
    await applyAll(api, rendered, { cluster: app.cluster ?? app.name, namespace, applied: (what) => say(`✔ ${what}`) });
    if (!options.wait) return;
    const timeoutMs = Number(options.timeout) * 1_000;
    if (!(timeoutMs > 0)) throw badOption("--timeout", options.timeout, "seconds");
    const ready = await followRollout(api, {
      app: app.name,
      namespace,
      timeoutMs,
      moved: (state) => say(lineOf(state)),
    });
    say(`✔ ${app.name}: ${ready} of ${app.replicas} pods are ready`);
  } finally {
    api.close();
  }
}

function lineOf(state: RolloutState): string {
  if (state.type === "progressing") return `◌ ${state.updated} of ${state.wanted} pods are new, ${state.ready} ready`;
  return state.type === "done" ? `✔ rolled out` : `✖ ${state.text}`;
}

/** Talk goes to stderr; what programs read goes to stdout. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
