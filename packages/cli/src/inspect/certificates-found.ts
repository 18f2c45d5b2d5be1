/** Whether the certificate that the nodes of a cluster share is there, and for how long it is good. */
import { X509Certificate } from "node:crypto";
import { isKubernetesError, type KubernetesApi } from "@interlock/kubernetes";
import { secretNames } from "../deploy/render.ts";
import { type ClusterPlace, isOurs, namesOf, textsOf } from "../identity/secrets.ts";
import { kindsIn } from "../kinds.ts";

export interface CertificatesFound {
  readonly outcome: "good" | "bad" | "skipped";
  readonly found: string;
  readonly try?: string;
}

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS;

export async function certificatesFound(
  api: KubernetesApi,
  place: ClusterPlace,
  tls: boolean,
): Promise<CertificatesFound> {
  if (!tls) return { outcome: "good", found: "none: spec.tls is false" };
  const { tls: name } = secretNames(place.cluster);
  const secret = await api.find(kindsIn(place.namespace).secrets, name).catch((error: unknown) => {
    if (isKubernetesError(error, "INTERLOCK_KUBERNETES_FORBIDDEN")) return "forbidden" as const;
    throw error;
  });
  if (secret === "forbidden") return { outcome: "skipped", found: "you may not read Secrets" };
  const bad = (found: string, hint: string): CertificatesFound => ({ outcome: "bad", found, try: hint });
  if (secret === undefined) return bad(`there is no Secret ${name}`, "interlock deploy makes it.");
  const { "ca.crt": ca, "tls.crt": cert, "tls.key": key } = textsOf(secret);
  if (!ca || !cert || !key) return bad(`Secret ${name} lacks one of tls.crt, tls.key and ca.crt`, "Correct it.");
  const { checkHost, validToDate } = readable(cert) ?? {};
  if (validToDate === undefined) return bad(`tls.crt of Secret ${name} is no certificate`, "Correct it.");
  const [wanted = ""] = namesOf(place);
  if (checkHost?.(wanted) === undefined)
    return bad(`the certificate of Secret ${name} is not for ${wanted}`, "Issue it for that name.");
  const days = Math.floor((validToDate.getTime() - api.runtime.clock.wallTime()) / DAY_MS);
  if (days * DAY_MS >= SOON_MS) return { outcome: "good", found: `Secret ${name}, ${days} days to go` };
  const hint = isOurs(secret) ? "Deploy once: that renews it." : "Whoever has made it has to renew it.";
  return bad(
    days < 0 ? `the certificate of Secret ${name} has run out` : `Secret ${name} has ${days} days to go`,
    hint,
  );
}

function readable(cert: string) {
  try {
    const read = new X509Certificate(cert);
    return { validToDate: read.validToDate, checkHost: (name: string) => read.checkHost(name) };
  } catch {
    // Nothing of what stands there is to be shown.
    return undefined;
  }
}
