/** Sends an application's objects to the API server, each as what this tool owns of it. */
import { isKubernetesError, type KubernetesApi, resource } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { checkSameTls } from "../identity/same-tls.ts";
import { ensureSecrets } from "../identity/secrets.ts";
import { type Rendered, renderNamespace } from "./render.ts";

/** Of which fields this tool says the values. */
export const fieldManager = "interlock-deploy";

export interface ApplyOptions {
  readonly cluster: string;
  readonly namespace: string;
  /** Whether the nodes talk over TLS. */
  readonly tls: boolean;
  /** Ends it: nothing is written after it, and what was on its way may have been. */
  readonly signal?: AbortSignal;
  /** Told of each object, once it is there. */
  readonly applied: (what: string) => void;
}

/** **Errors** those of the API server; `INTERLOCK_DEPLOY_FORBIDDEN` with what was not allowed. */
export async function applyAll(
  api: KubernetesApi,
  rendered: readonly Rendered[],
  options: ApplyOptions,
): Promise<void> {
  await ensureIdentity(api, options);
  for (const { object, plural } of rendered) {
    const { apiVersion, kind, metadata } = object;
    const of = resource({ apiVersion, kind, plural, namespace: metadata.namespace });
    // Also of one that the server has asked to come back with: by then others may deploy.
    await api.apply(of, object, { fieldManager, signal: options.signal }).catch((error: unknown) => {
      throw refusal(error, `${kind} ${metadata.name}`, options.namespace);
    });
    options.applied(`${kind} ${metadata.name}`);
  }
}

/** The namespace itself, for who deploys to a new one. */
export async function applyNamespace(api: KubernetesApi, name: string, applied: (what: string) => void): Promise<void> {
  const { object, plural } = renderNamespace(name);
  const of = resource({ apiVersion: object.apiVersion, kind: object.kind, plural });
  await api.apply(of, object, { fieldManager }).catch((error: unknown) => {
    throw refusal(error, `Namespace ${name}`, name);
  });
  applied(`Namespace ${name}`);
}

/** What the nodes know each other by: made once, and never shown by a deployment. */
async function ensureIdentity(api: KubernetesApi, options: ApplyOptions): Promise<void> {
  try {
    await checkSameTls(api, options, options.tls);
    options.signal?.throwIfAborted();
    await ensureSecrets(api, { ...options, fieldManager });
  } catch (error) {
    throw refusal(error, "the Secrets of its cluster", options.namespace);
  }
}

/** What an error of the API server means to whoever deploys. */
export function refusal(error: unknown, what: string, namespace: string): unknown {
  // Objects are made where they are missing: what is not found is where they would be.
  if (isKubernetesError(error, "INTERLOCK_KUBERNETES_NOT_FOUND") && isWrite(error.details))
    return new CliError(
      "INTERLOCK_NO_SUCH_NAMESPACE",
      `There is no namespace ${namespace}`,
      { namespace },
      { cause: error },
    );
  if (!isKubernetesError(error, "INTERLOCK_KUBERNETES_FORBIDDEN")) return error;
  const { message } = error;
  return new CliError("INTERLOCK_DEPLOY_FORBIDDEN", `Cannot apply ${what}: ${message}`, { what }, { cause: error });
}

const isWrite = ({ name, verb }: { readonly name: string | undefined; readonly verb: string }): boolean =>
  name !== undefined && (verb === "create" || verb === "patch");
