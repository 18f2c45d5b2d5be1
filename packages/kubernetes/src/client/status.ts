/** What an answer that is no success means: Kubernetes' `Status` as one of this package's errors. */
import { KubernetesError } from "../errors.ts";
import { groupOf, qualified, type Resource } from "./resource.ts";

/** What was asked for: a verb as RBAC has it, on what. */
export interface Target {
  readonly verb: string;
  readonly resource: Resource;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** Kubernetes' answer when it has no object to give. */
export interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** `resource`, `namespace` and `name` as details of errors have them. */
export function namesOf({ name, resource, subresource }: Target): {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
} {
  const { namespace } = resource;
  const whole = subresource === undefined ? resource : { ...resource, plural: `${resource.plural}/${subresource}` };
  return { resource: qualified(whole), namespace, name };
}

/** A target in words: `pods "web-0" in namespace shop`. */
export function words(target: Target): string {
  const { name, namespace, resource } = namesOf(target);
  const named = name === undefined ? resource : `${resource} ${JSON.stringify(name)}`;
  return namespace === undefined ? named : `${named} in namespace ${namespace}`;
}

/** The `Status` in the body of an answer; a proxy in between may answer with any text. */
export function statusIn(text: string): Status {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && (parsed as { kind?: unknown }).kind === "Status")
      return parsed as Status;
  } catch {
    // Said by the caller's error: its message is this text.
  }
  return { message: text.slice(0, 200) };
}

/** The error for an answer. `retryAfterMs`: of its header. */
export function errorOf(
  target: Target,
  server: string,
  code: number,
  status: Status,
  retryAfterMs?: number,
): KubernetesError {
  const { verb } = target;
  const names = namesOf(target);
  const problem = status.message ?? `status ${code}`;
  const failed = `Cannot ${verb} ${words(target)}`;
  const { causes = [] } = status.details ?? {};
  if (code === 401) {
    const message = `${failed}: ${server} does not know who asks`;
    return new KubernetesError("INTERLOCK_KUBERNETES_UNAUTHORIZED", message, { server, verb, ...names });
  }
  if (code === 403) return forbidden(target, failed, problem);
  if (code === 404) {
    // An unknown resource has no details of an object.
    const known = status.details?.kind !== undefined && target.name !== undefined;
    const details = known ? names : { ...names, name: undefined };
    const message = `${failed}: ${known ? problem : "the API server does not know this resource"}`;
    return new KubernetesError("INTERLOCK_KUBERNETES_NOT_FOUND", message, { verb, ...details });
  }
  if (code === 409) {
    const conflicts = causes.flatMap(({ field, message, reason }) =>
      reason === "FieldManagerConflict" ? [{ manager: managerIn(message), field: field ?? "" }] : [],
    );
    if (conflicts.length > 0) {
      const owned = conflicts.map(({ field, manager }) => `${field} belongs to ${manager}`).join(", ");
      const message = `${failed}: ${owned}`;
      return new KubernetesError("INTERLOCK_KUBERNETES_FIELD_CONFLICT", message, { ...names, conflicts });
    }
    if (status.reason === "AlreadyExists")
      return new KubernetesError("INTERLOCK_KUBERNETES_ALREADY_EXISTS", `${failed}: it is there already`, names);
    return new KubernetesError("INTERLOCK_KUBERNETES_CONFLICT", `${failed}: ${problem}`, { verb, ...names, problem });
  }
  if (code === 410) {
    const { namespace, resource } = names;
    const details = { verb, resource, namespace };
    return new KubernetesError("INTERLOCK_KUBERNETES_EXPIRED", `${failed}: that version is kept no more`, details);
  }
  if (code === 429) {
    const { namespace, resource } = names;
    const details = { verb, resource, namespace, retryAfterMs };
    return new KubernetesError("INTERLOCK_KUBERNETES_THROTTLED", `${failed}: ${problem}`, details);
  }
  if (code === 400 || code === 422) {
    const found = causes.map(({ field = "", message = "" }) => ({ field, problem: message }));
    const all = found.length > 0 ? found : [{ field: "", problem }];
    const details = { verb, ...names, causes: all };
    return new KubernetesError("INTERLOCK_KUBERNETES_INVALID", `${failed}: ${problem}`, details);
  }
  const details = { verb, ...names, status: code, reason: status.reason, retryAfterMs, problem };
  return new KubernetesError("INTERLOCK_KUBERNETES_FAILED", `${failed}: ${code} ${problem}`, details);
}

/** The manager in `conflict with "NAME" using apps/v1`; of several in one cause the server says `conflicts with "A", …`. */
function managerIn(message = ""): string {
  return /"(?<manager>(?:[^"\\]|\\.)*)"/.exec(message)?.groups?.["manager"] ?? message;
}

/** Only what the authorizer forbids can be granted by a rule; admission (a quota, Pod Security) answers 403 as well. */
function forbidden(target: Target, failed: string, problem: string): KubernetesError<"INTERLOCK_KUBERNETES_FORBIDDEN"> {
  const names = namesOf(target);
  const { groups } = /User "(?<user>[^"]*)" cannot (?<verb>\w+) /.exec(problem) ?? {};
  const { user, verb = target.verb } = groups ?? {};
  const { apiVersion, namespace, plural } = target.resource;
  const { name, subresource } = target;
  // A name cannot limit who creates or lists.
  const isNamed = name !== undefined && verb !== "create" && verb !== "list";
  const rule =
    groups === undefined
      ? undefined
      : `{ apiGroups: [${JSON.stringify(groupOf(apiVersion))}], ` +
        `resources: [${JSON.stringify(subresource === undefined ? plural : `${plural}/${subresource}`)}], ` +
        `${isNamed ? `resourceNames: [${JSON.stringify(name)}], ` : ""}verbs: [${JSON.stringify(verb)}] }`;
  const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const message = rule === undefined ? `${failed}: ${problem}` : `${failed}: RBAC grants ${user} no ${rule}${where}`;
  const details = { ...names, verb, user, rule, problem };
  return new KubernetesError("INTERLOCK_KUBERNETES_FORBIDDEN", message, details);
}
