/** What `interlock doctor` looks at, in the order in which one thing needs another. Each look is one function. */
import { isKubernetesError, resource } from "@interlock/kubernetes";
import { type AppSpec, readAppSpec } from "../deploy/app-spec.ts";
import { render, secretNames } from "../deploy/render.ts";
import { isImageMissing } from "../deploy/rollout.ts";
import { kindsIn } from "../kinds.ts";
import { within } from "../limit.ts";
import type { Connection } from "../ui/terminal.ts";
import { type AppState, appState } from "./app-state.ts";
import { certificatesFound } from "./certificates-found.ts";
import { readApp } from "./read-app.ts";

/** `skipped`: it could not be looked at, because of what was found before or because whoever asks may not. */
export type Outcome = "good" | "bad" | "skipped";

export interface Finding {
  readonly check: string;
  readonly outcome: Outcome;
  /** What was found; of what is bad, the cause. */
  readonly found: string;
  readonly try?: string;
}

export interface Patient {
  readonly file: string;
  readonly namespace: string | undefined;
  /** Of Node.js: `v26.1.0`. */
  readonly nodeVersion: string;
  connect(): Promise<Connection>;
}

/** What is known when all went well so far. */
interface Known {
  readonly app: AppSpec;
  readonly connection: Connection;
  readonly namespace: string;
}

type Found = Omit<Finding, "check">;

const LEAST_NODE = 24;
const REACH_MS = 5_000;

/** Never rejects: what goes wrong is what was found. */
export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  /** @returns undefined when the rest cannot be looked at. */
  const look = async <T>(check: string, run: () => Promise<{ readonly found: Found; readonly value?: T }>) => {
    const { found, value } = await run().catch((error: unknown) => ({ found: failure(error), value: undefined }));
    findings.push({ check, ...found });
    return value;
  };
  await look("Node.js", async () => ({ found: nodeFound(patient.nodeVersion) }));
  const app = await look(patient.file, async () => {
    const value = await readAppSpec(patient.file);
    return { found: good(`${value.name}, ${value.replicas} replicas`), value };
  });
  const connection = await look("API server", async () => {
    const value = await patient.connect();
    return { found: await reached(value), value };
  });
  const isReached = findings.at(-1)?.outcome === "good";
  if (app === undefined || connection === undefined || !isReached) {
    for (const check of ["permissions", "image", "pods", "cookie", "certificates", "addresses", "readiness"])
      findings.push({ check, outcome: "skipped", found: "needs what failed above" });
    connection?.api.close();
    return findings;
  }
  const known: Known = { app, connection, namespace: patient.namespace ?? connection.api.namespace };
  await look("permissions", async () => ({ found: await permitted(known) }));
  const state = await readApp(connection, { app: app.name, namespace: known.namespace }).then(
    appState,
    (error) => error,
  );
  await look("image", async () => ({ found: imageFound(app, state) }));
  await look("pods", async () => ({ found: podsFound(state) }));
  await look("cookie", async () => ({ found: await cookieFound(known) }));
  const place = { cluster: app.cluster ?? app.name, namespace: known.namespace };
  await look("certificates", async () => ({ found: await certificatesFound(connection.api, place, app.tls) }));
  await look("addresses", async () => ({ found: await addressesFound(known) }));
  await look("readiness", async () => ({ found: readinessFound(state) }));
  connection.api.close();
  return findings;
}

const good = (found: string): Found => ({ outcome: "good", found });
const bad = (found: string, hint: string): Found => ({ outcome: "bad", found, try: hint });
const skipped = (found: string): Found => ({ outcome: "skipped", found });

function failure(error: unknown): Found {
  const { hint, message } = error as { readonly message: string; readonly hint?: string };
  return { outcome: "bad", found: message, ...(hint !== undefined && { try: hint }) };
}

function nodeFound(version: string): Found {
  return Number(/^v(\d+)/.exec(version)?.[1]) >= LEAST_NODE
    ? good(version)
    : bad(`${version} is too old`, `Install Node.js ${LEAST_NODE} or newer; pods run 26.`);
}

/** An answer of any kind is one, but for that to a stranger. */
async function reached({ api, transport }: Connection): Promise<Found> {
  const request = { method: "GET", path: "/version", headers: {}, body: undefined } as const;
  try {
    const status = await within(api.runtime.timers, REACH_MS, async (signal) => {
      const answer = await transport.request({ ...request, signal });
      for await (const _ of answer.body);
      return answer.status;
    });
    return status === 401
      ? bad(`${api.server} does not know who asks`, "Log in again, and see what kubectl auth whoami says.")
      : good(api.server);
  } catch (error) {
    return bad(
      `no answer of ${api.server}: ${(error as Error).message}`,
      "Check its address in the kubeconfig, the network and the proxy.",
    );
  }
}

/** Asks for each thing that a deployment does whether it would be allowed. */
async function permitted({ app, connection: { api }, namespace }: Known): Promise<Found> {
  const reviews = resource({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    plural: "selfsubjectaccessreviews",
  });
  const rendered = render(app, { image: app.image ?? "any", namespace });
  const applied = rendered.flatMap(({ object: { apiVersion }, plural }) =>
    ["create", "patch"].map((verb) => ({ verb, resource: plural, group: groupOf(apiVersion) })),
  );
  const read = [
    { verb: "list", resource: "pods", group: "" },
    { verb: "list", resource: "replicasets", group: "apps" },
    { verb: "list", resource: "deployments", group: "apps" },
    { verb: "get", resource: "deployments", group: "apps" },
  ];
  const secrets = ["get", "create", "update"].map((verb) => ({ verb, resource: "secrets", group: "" }));
  // Of the lock, which keeps two deployments from each other.
  const lock = ["get", "update"].map((verb) => ({ verb, resource: "leases", group: "coordination.k8s.io" }));
  const asked = [...applied, ...secrets, ...lock, ...read];
  const once = [...new Map(asked.map((one) => [JSON.stringify(one), one])).values()];
  const answers = await Promise.all(
    once.map(async (attributes) => {
      const review = { spec: { resourceAttributes: { namespace, ...attributes } } };
      const { status } = await api.create(reviews, review as never);
      return { ...attributes, allowed: status?.allowed === true };
    }),
  );
  const denied = answers.filter(({ allowed }) => !allowed);
  if (denied.length === 0) return good(`all ${once.length} that a deployment to ${namespace} needs`);
  const what = denied.map(({ group, resource: plural, verb }) => `${verb} ${plural}${group && `.${group}`}`).join(", ");
  return bad(
    `not allowed in ${namespace}: ${what}`,
    "Have your cluster's administrator bind a Role with these to you, or deploy to a namespace of yours.",
  );
}

function imageFound(app: AppSpec, state: AppState | Error): Found {
  if (state instanceof Error)
    return app.image === undefined
      ? bad("the file names none, and nothing is deployed", "Name one: spec.image, or interlock deploy --image.")
      : skipped(`${app.image}: no pod has asked for it yet`);
  const missing = state.pods.flatMap(({ name, reasons }) =>
    reasons.filter(isImageMissing).map((reason) => `${name}: ${reason}`),
  );
  if (missing.length === 0) return good(state.image ?? "?");
  return bad(missing.join("; "), "Push the image, correct its name, or give the pods a secret for its registry.");
}

function podsFound(state: AppState | Error): Found {
  if (state instanceof Error) {
    if (isKubernetesError(state, "INTERLOCK_KUBERNETES_NOT_FOUND"))
      return bad("it is not deployed", "Deploy it: interlock deploy. Else check --namespace and --context.");
    return failure(state);
  }
  const { ready, rollout, wanted } = state;
  if (rollout.type === "failed")
    return bad(rollout.text, "Correct that and deploy again, or take it back: interlock undo.");
  if (ready < wanted) return bad(`${ready} of ${wanted} are ready`, "See below why the others are not.");
  return good(`${ready} of ${wanted} are ready`);
}

async function cookieFound({ app, connection: { api }, namespace }: Known): Promise<Found> {
  const { cookie: name } = secretNames(app.cluster ?? app.name);
  const { secrets } = kindsIn(namespace);
  try {
    const secret = await api.find(secrets, name);
    if (secret === undefined) return bad(`there is no Secret ${name}`, "interlock deploy makes it.");
    // Its value is nobody's business here.
    return secret.data?.["cookie"]
      ? good(`Secret ${name}`)
      : bad(`Secret ${name} has no key cookie`, "Delete it and deploy again: the nodes then all get a new one.");
  } catch (error) {
    if (isKubernetesError(error, "INTERLOCK_KUBERNETES_FORBIDDEN")) return skipped("you may not read Secrets");
    throw error;
  }
}

async function addressesFound({ app, connection: { api }, namespace }: Known): Promise<Found> {
  const service = `${app.cluster ?? app.name}-nodes`;
  const { services, endpointSlices: slices } = kindsIn(namespace);
  const found = await api.find(services, service);
  if (found === undefined) return bad(`there is no Service ${service}`, "interlock deploy makes it.");
  if (found.spec?.publishNotReadyAddresses !== true)
    return bad(
      `Service ${service} has no publishNotReadyAddresses`,
      "Set it: without it nodes that are not ready yet cannot find each other, and none becomes ready.",
    );
  const { items } = await api.list(slices, { labelSelector: `kubernetes.io/service-name=${service}` });
  const addresses = items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses));
  return addresses.length > 0
    ? good(`Service ${service} leads to ${addresses.length} nodes`)
    : bad(`Service ${service} leads to no node`, "See that pods run, and that they have the labels of its selector.");
}

function readinessFound(state: AppState | Error): Found {
  if (state instanceof Error) return skipped("there are no pods");
  const starting = state.pods.filter(({ reasons, state: is }) => is === "starting" && reasons.length === 0);
  const unready = state.pods.filter(
    (pod) => pod.state !== "ready" && pod.state !== "draining" && !starting.includes(pod),
  );
  // That takes its time; one that does not come up has a reason sooner or later.
  if (unready.length === 0)
    return good(starting.length === 0 ? "no pod has a reason not to be ready" : `${starting.length} pods are starting`);
  const why = unready.map(
    ({ name, reasons, state: is }) => `${name} is ${is}: ${reasons.join("; ") || "it does not say why"}`,
  );
  return bad(
    why.join("\n"),
    `Read what it printed: kubectl logs ${unready[0]?.name}, with --previous if it was restarted.`,
  );
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}
