/** Every coded error of this package; the form and the brand are the core's, so that `isError` knows them. */
import { isError } from "@interlock/core";

/** What each code's `details` holds. */
export interface KubernetesErrorDetails {
  /** Neither a service account nor a kubeconfig was found, or what was found cannot be used. */
  readonly INTERLOCK_KUBERNETES_CONFIG: { readonly source: string; readonly problem: string };
  /** No connection to the API server, no answer in time, or one that broke off. What was asked for may have been done. */
  readonly INTERLOCK_KUBERNETES_UNREACHABLE: {
    readonly server: string;
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly problem: string;
  };
  /** The API server does not know who asks: a token or certificate is missing, wrong or has run out. */
  readonly INTERLOCK_KUBERNETES_UNAUTHORIZED: {
    readonly server: string;
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
  };
  /** Whoever asks may not do that. `rule`: what RBAC would have to grant; undefined: something else forbids it. */
  readonly INTERLOCK_KUBERNETES_FORBIDDEN: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly user: string | undefined;
    readonly rule: string | undefined;
    readonly problem: string;
  };
  /** There is no such object, or no such resource: then `name` is undefined. */
  readonly INTERLOCK_KUBERNETES_NOT_FOUND: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
  };
  /** An object of that name is there already. */
  readonly INTERLOCK_KUBERNETES_ALREADY_EXISTS: {
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
  };
  /** The object has changed since it was read, or its state does not allow that. */
  readonly INTERLOCK_KUBERNETES_CONFLICT: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly problem: string;
  };
  /** Fields that were to be applied belong to others, and have other values there. Nothing was applied. */
  readonly INTERLOCK_KUBERNETES_FIELD_CONFLICT: {
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly conflicts: readonly { readonly manager: string; readonly field: string }[];
  };
  /** The API server does not take the object or the request as it is. */
  readonly INTERLOCK_KUBERNETES_INVALID: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly causes: readonly { readonly field: string; readonly problem: string }[];
  };
  /** The version from which a list or a watch was to go on is kept no more. */
  readonly INTERLOCK_KUBERNETES_EXPIRED: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
  };
  /** The API server has too much to do; nothing was done. Asked again as often as is allowed, in vain. */
  readonly INTERLOCK_KUBERNETES_THROTTLED: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly retryAfterMs: number | undefined;
  };
  /** Any other answer that is no success, or one that cannot be read. */
  readonly INTERLOCK_KUBERNETES_FAILED: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly status: number;
    readonly reason: string | undefined;
    readonly retryAfterMs: number | undefined;
    readonly problem: string;
  };
  /** The environment of a pod lacks something, or has something that cannot be. */
  readonly INTERLOCK_POD_ENVIRONMENT: { readonly variable: string; readonly got: string; readonly expected: string };
  /** The port for the kubelet's probes cannot be opened. */
  readonly INTERLOCK_POD_PORT: { readonly port: number; readonly problem: string };
}

export type KubernetesErrorCode = keyof KubernetesErrorDetails;

/** What to try, by code. */
export const kubernetesHints: { readonly [Code in KubernetesErrorCode]: string } = {
  INTERLOCK_KUBERNETES_CONFIG:
    "In a pod leave automountServiceAccountToken on; elsewhere set KUBECONFIG to a file with a current context, and see that kubectl works with it.",
  INTERLOCK_KUBERNETES_UNREACHABLE:
    "Check that the API server runs and that its address can be reached from here (network policy, proxy). What was asked for may have been done: look before you repeat it.",
  INTERLOCK_KUBERNETES_UNAUTHORIZED:
    "Check with kubectl auth whoami, from the same kubeconfig or service account, that the API server knows who asks.",
  INTERLOCK_KUBERNETES_FORBIDDEN:
    "Grant details.rule in a Role or ClusterRole that is bound to details.user; without a rule, details.problem says what forbids it: a quota, Pod Security, an admission webhook.",
  INTERLOCK_KUBERNETES_NOT_FOUND:
    "Check name and namespace; without a name the resource itself is unknown: install its CRD, or correct apiVersion and plural.",
  INTERLOCK_KUBERNETES_ALREADY_EXISTS: "Get the object and change it, or apply it instead of creating it.",
  INTERLOCK_KUBERNETES_CONFLICT: "Read the object again, decide again, and write with its new resourceVersion.",
  INTERLOCK_KUBERNETES_FIELD_CONFLICT:
    "Leave the fields in details.conflicts out of what is applied, or have their manager give them up.",
  INTERLOCK_KUBERNETES_INVALID: "Correct the fields that details.causes names.",
  INTERLOCK_KUBERNETES_EXPIRED: "List again from the beginning, and watch from there; a reflector does so by itself.",
  INTERLOCK_KUBERNETES_THROTTLED:
    "Ask less, or later; see whether a priority level of the API server (API Priority and Fairness) holds this client back.",
  INTERLOCK_KUBERNETES_FAILED: "Look at details.problem, and at the API server's own log for the same time.",
  INTERLOCK_POD_ENVIRONMENT:
    "interlock deploy writes these variables. In manifests of your own set them as interlock deploy --dry-run shows.",
  INTERLOCK_POD_PORT: "Free the port, or choose another one with managementPort and in the probes of the manifest.",
};

/** A refusal of this package. `code` is stable, `details` is typed by it, `hint` says what to try. */
export class KubernetesError<Code extends KubernetesErrorCode = KubernetesErrorCode> extends Error {
  readonly code: Code;
  readonly details: KubernetesErrorDetails[Code];

  constructor(code: Code, message: string, details: KubernetesErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  override get name(): string {
    return "KubernetesError";
  }

  get hint(): string {
    return kubernetesHints[this.code];
  }
}
Object.defineProperty(KubernetesError.prototype, Symbol.for("interlock.error"), { value: true });

/**
 * Whether `error` is this package's error of one of these codes, and then typed by it.
 *
 * @example
 * import { FakeApiServer } from "@interlock/kubernetes/testing";
 * const api = kubernetesApi({ transport: new FakeApiServer() });
 * const pods = resource({ apiVersion: "v1", kind: "Pod", plural: "pods", namespace: "shop" });
 * try {
 *   await api.get(pods, "web-0");
 * } catch (error) {
 *   if (!isKubernetesError(error, "INTERLOCK_KUBERNETES_NOT_FOUND")) throw error;
 *   console.log(error.details.resource, error.details.name); // pods web-0
 * }
 */
export function isKubernetesError<const Code extends KubernetesErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is KubernetesError<Code> {
  return codes.some((code) => isError(error, code as never));
}
