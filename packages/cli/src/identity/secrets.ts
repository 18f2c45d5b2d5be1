/**
 * The Secrets that make the nodes of a cluster one: the cookie, the authority, and the certificate that all nodes share. In each
 * Secret that pods mount, `version` says which writing of it that is, so that a pod can tell which one it has.
 */
import type { KubernetesApi, KubernetesType, Stored } from "@interlock/kubernetes";
import { secretNames, serviceName } from "../deploy/render.ts";
import { CliError } from "../errors.ts";
import { kindsIn } from "../kinds.ts";
import { isGood, issueCertificate, type KeyPair, makeAuthority } from "./certificates.ts";
import { randomHex } from "./random.ts";
import { identityOf, type Rotation } from "./rotation.ts";

export type Secret = KubernetesType<"v1", "Secret">;

export interface ClusterPlace {
  /** Its name. */
  readonly cluster: string;
  readonly namespace: string;
}

export type Texts = Readonly<Record<string, string>>;

/** Where a rotation is, on its Secret; without it, it is settled. What is not known to be in all pods yet has it. */
const STEP = "interlock.dev/rotation";

export function textsOf({ data = {} }: Secret): Texts {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]));
}

/** A Secret with these texts and no others. */
export function secretOf(
  name: string,
  { cluster, namespace }: ClusterPlace,
  texts: Texts,
  { step, type = "Opaque" }: { readonly step?: Rotation<unknown>["step"]; readonly type?: string } = {},
): Secret & { readonly metadata: { readonly name: string } } {
  const labels = { "app.kubernetes.io/managed-by": "interlock", "interlock.dev/cluster": cluster };
  const annotations = step === undefined || step === "settled" ? {} : { [STEP]: step };
  const data = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return { metadata: { name, namespace, labels, annotations }, type, data: Object.fromEntries(data) };
}

/** Whether `deploy` has made it; what others have put there is theirs. */
export function isOurs({ metadata }: Stored<Secret>): boolean {
  return metadata.labels?.["app.kubernetes.io/managed-by"] === "interlock";
}

const stepOf = ({ metadata }: Secret): string | undefined => metadata?.annotations?.[STEP];

/** Of a Secret that holds one only. */
const withOne = <T>(secret: Secret, current: T): Rotation<T> => ({
  step: stepOf(secret) === "settling" ? "settling" : "settled",
  current,
});

/** Names one writing of a Secret. */
export const newVersion = (): string => randomHex(4);

/** 192 bits that nobody can guess. */
export const newCookie = (): string => randomHex(24);

export function cookieTexts(rotation: Rotation<string>, version: string): Texts {
  return { cookie: identityOf(rotation).taken.join("\n"), version };
}

export function cookieRotation(secret: Stored<Secret>): Rotation<string> {
  const [first, second, ...more] = (textsOf(secret)["cookie"] ?? "").trim().split(/\s*\n\s*/);
  if (!first || more.length > 0) throw unusable(secret.metadata.name, "it has no cookie, or more than two");
  if (second === undefined) return withOne(secret, first);
  if (stepOf(secret) === "shown") return { step: "shown", current: second, fresh: first };
  // Also of one that was written by hand.
  return { step: "trusted", current: first, fresh: second };
}

export function authorityTexts(rotation: Rotation<KeyPair>): Texts {
  const { current } = rotation;
  const texts = { "tls.crt": current.cert, "tls.key": current.key };
  return "fresh" in rotation ? { ...texts, "next.crt": rotation.fresh.cert, "next.key": rotation.fresh.key } : texts;
}

export function authorityRotation(secret: Stored<Secret>): Rotation<KeyPair> {
  const texts = textsOf(secret);
  const pair = (name: string): KeyPair | undefined => {
    const { [`${name}.crt`]: cert, [`${name}.key`]: key } = texts;
    return cert && key ? { cert, key } : undefined;
  };
  const [current, fresh] = [pair("tls"), pair("next")];
  if (current === undefined) throw unusable(secret.metadata.name, "it has no tls.crt with a tls.key");
  if (fresh === undefined) return withOne(secret, current);
  return { step: stepOf(secret) === "shown" ? "shown" : "trusted", current, fresh };
}

/** DNS names of the certificate; the first is what nodes ask each other for. */
export const namesOf = ({ cluster, namespace }: ClusterPlace): readonly string[] => [
  serviceName(cluster, namespace),
  `${cluster}-nodes.${namespace}.svc`,
];

/** What nodes mount: the certificate that they show, anew if that of `before` will not do, and all authorities that they take. */
export async function certificateTexts(
  rotation: Rotation<KeyPair>,
  place: ClusterPlace,
  { before, nowMs, version }: { readonly before?: Texts | undefined; readonly nowMs: number; readonly version: string },
): Promise<Texts> {
  const { shown, taken } = identityOf(rotation);
  const names = namesOf(place);
  const { "tls.crt": cert, "tls.key": key } = before ?? {};
  const isKept = cert && key && isGood(cert, shown, names, nowMs);
  const leaf = isKept ? { cert, key } : await issueCertificate(shown, names, nowMs);
  const ca = taken.map((authority) => authority.cert).join("");
  return { "tls.crt": leaf.cert, "tls.key": leaf.key, "ca.crt": ca, version };
}

export interface EnsureOptions extends ClusterPlace {
  /** Whether the nodes talk over TLS. */
  readonly tls: boolean;
  /** Told of each Secret that was made or renewed. */
  readonly applied: (what: string) => void;
  readonly fieldManager: string;
}

/**
 * Makes the Secrets that are not there, and renews a certificate that has less than a third of its time to go. What is there
 * stays as it is; nothing of it is ever shown. A certificate that others have put there is left to them.
 */
export async function ensureSecrets(api: KubernetesApi, options: EnsureOptions): Promise<void> {
  const { cluster, tls } = options;
  const names = secretNames(cluster);
  await made(api, options, names.cookie, () =>
    secretOf(names.cookie, options, cookieTexts({ step: "settled", current: newCookie() }, newVersion())),
  );
  if (tls) await ensureCertificates(api, options);
}

async function ensureCertificates(api: KubernetesApi, options: EnsureOptions): Promise<void> {
  const { applied, cluster, fieldManager, namespace } = options;
  const names = secretNames(cluster);
  const { secrets: of } = kindsIn(namespace);
  // Before what it is made of: whoever writes both meanwhile is not overwritten with what was before.
  const found = await api.find(of, names.tls);
  if (found !== undefined && !isOurs(found)) return;
  const nowMs = api.runtime.clock.wallTime();
  const authority = await made(api, options, names.authority, async () =>
    secretOf(
      names.authority,
      options,
      authorityTexts({ step: "settled", current: await makeAuthority(cluster, nowMs) }),
      {
        type: "kubernetes.io/tls",
      },
    ),
  );
  const rotation = authorityRotation(authority);
  const texts = (before?: Texts): Promise<Texts> =>
    certificateTexts(rotation, options, { before, nowMs, version: newVersion() });
  const secret = (its: Texts): Secret => secretOf(names.tls, options, its, { type: "kubernetes.io/tls" });
  if (found === undefined) await made(api, options, names.tls, async () => secret(await texts()));
  else {
    const before = textsOf(found);
    const now = await texts(before);
    const changed = [
      now["tls.crt"] !== before["tls.crt"] && "a new certificate",
      // Of a rotation that was broken off between its two Secrets.
      now["ca.crt"] !== before["ca.crt"] && "the authorities of now",
    ].filter((what) => what !== false);
    // Anew only when it has to be: every writing reaches all pods.
    if (changed.length === 0) return;
    await api.update(of, { ...found, data: secret(now).data ?? {} }, { fieldManager });
    applied(`Secret ${names.tls}, with ${changed.join(" and ")}`);
  }
}

/** That Secret, made if there is none. Of two who make it at once one wins. */
async function made(
  api: KubernetesApi,
  { applied, fieldManager, namespace }: EnsureOptions,
  name: string,
  make: () => Secret | Promise<Secret>,
): Promise<Stored<Secret>> {
  const { secrets: of } = kindsIn(namespace);
  const found = await api.find(of, name);
  if (found !== undefined) return found;
  const created = await api.create(of, await make(), { fieldManager }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== "INTERLOCK_KUBERNETES_ALREADY_EXISTS") throw error;
    return undefined;
  });
  if (created === undefined) return api.get(of, name);
  applied(`Secret ${name}`);
  return created;
}

export function unusable(name: string, problem: string): CliError<"INTERLOCK_CLUSTER_SECRET"> {
  return new CliError("INTERLOCK_CLUSTER_SECRET", `Cannot use Secret ${name}: ${problem}`, { secret: name, problem });
}
