/**
 * `interlock.yaml`: what an application is, for Kubernetes. The keys are those of the resource `InterlockApp`, so that the same
 * file will do for an operator; what is not said here has the value that the rest of this folder documents.
 */
import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { z } from "zod";
import { CliError } from "../errors.ts";

const name = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/, "lower-case letters, digits and dashes, at most 42, a letter first");
const port = z.number().int().min(1).max(65_535);
const seconds = z.number().int().min(0).max(3_600);
const configKey = z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/, "letters, digits, dashes, dots and underscores");
const quantity = z.string().regex(/^[0-9.]+[A-Za-z]*$/, "a quantity such as 500m or 256Mi");

const portSpec = z.strictObject({
  name,
  containerPort: port,
  /** Whether the Service leads to it. */
  expose: z.boolean().default(true),
  /** Of the Service. Default: 80 for the first, otherwise as in the container. */
  servicePort: port.optional(),
});

const drainSpec = z.strictObject({
  /** Seconds for the news of a pod's end to reach everybody who sends it requests. */
  settle: seconds.default(5),
  /** Seconds for requests in flight. */
  requests: seconds.default(30),
  /** Seconds for state to be handed to other pods. */
  handoff: seconds.default(30),
  /** Seconds to say goodbye. */
  leave: seconds.default(5),
});

const spec = z.strictObject({
  /** Applications of one cluster are nodes of one. Default: the application's own name. */
  cluster: name.optional(),
  replicas: z.number().int().min(1).max(1_000).default(3),
  /** What runs: with a tag or a digest. Default: what `interlock release` has made. */
  image: z.string().min(1).optional(),
  /** The program of a node, from this file's folder. */
  entry: z.string().min(1).default("src/main.ts"),
  ports: z.array(portSpec).default([]),
  /** Whether its clients keep WebSockets: then all new pods are made before the old ones go. */
  webSockets: z.boolean().default(false),
  env: z.record(z.string(), z.string()).default({}),
  /** Settings, of a ConfigMap: `chat.perSecond: 20`, or `shop.yaml` with many. A change reaches the pods without a restart. */
  config: z.record(configKey, z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  /** Whether nodes talk over TLS, with certificates on both sides. */
  tls: z.boolean().default(true),
  /** Secrets that are there, whose keys are settings. A change reaches the pods without a restart. */
  secrets: z.array(name).default([]),
  resources: z
    .strictObject({
      cpu: quantity.default("100m"),
      /** Request and limit: a pod that takes more is ended. */
      memory: quantity.default("256Mi"),
    })
    .prefault({}),
  /** Names of singletons: each has a Lease. */
  singletons: z.array(z.string().min(1)).default([]),
  drain: drainSpec.prefault({}),
  /** Seconds for which a pod stays on a machine that is silent or not ready. */
  tolerationSeconds: seconds.default(30),
  /** Seconds for a rollout to make progress. */
  progressDeadline: seconds.default(600),
});

const file = z.strictObject({
  apiVersion: z.literal("interlock.dev/v1alpha1"),
  kind: z.literal("InterlockApp"),
  metadata: z.strictObject({ name }),
  spec,
});

export interface PortSpec {
  readonly name: string;
  readonly containerPort: number;
  readonly expose: boolean;
  readonly servicePort?: number | undefined;
}

/** An application, with the defaults of what its file leaves out. */
export interface AppSpec {
  readonly name: string;
  readonly cluster?: string | undefined;
  readonly replicas: number;
  readonly image?: string | undefined;
  readonly entry: string;
  readonly ports: readonly PortSpec[];
  readonly webSockets: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, string>>;
  readonly tls: boolean;
  readonly secrets: readonly string[];
  readonly resources: { readonly cpu: string; readonly memory: string };
  readonly singletons: readonly string[];
  /** Seconds. */
  readonly drain: {
    readonly settle: number;
    readonly requests: number;
    readonly handoff: number;
    readonly leave: number;
  };
  readonly tolerationSeconds: number;
  readonly progressDeadline: number;
}

/** **Errors** `INTERLOCK_APP_FILE`, with the line and every key that is wrong. */
export async function readAppSpec(path: string): Promise<AppSpec> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw appFileError(path, [(cause as Error).message], cause);
  });
  return parseAppSpec(text, path);
}

export function parseAppSpec(text: string, path: string): AppSpec {
  const document = parseDocument(text);
  if (document.errors.length > 0)
    throw appFileError(
      path,
      document.errors.map(({ message }) => message.split("\n")[0] ?? message),
    );
  const read = file.safeParse(document.toJS());
  if (read.success) return { name: read.data.metadata.name, ...read.data.spec };
  throw appFileError(
    path,
    read.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`),
  );
}

function appFileError(path: string, problems: readonly string[], cause?: unknown): CliError<"INTERLOCK_APP_FILE"> {
  const text = problems.length === 1 ? problems[0] : `\n${problems.map((problem) => `  ${problem}`).join("\n")}`;
  return new CliError("INTERLOCK_APP_FILE", `Cannot use ${path}: ${text}`, { path, problems }, { cause });
}
