/** Images from a registry and to one. */

import { nodeRuntime, type Runtime } from "@interlock/core";
import { CliError } from "../errors.ts";
import { type Base, baseOf, blobIn, type Descriptor, type Image, types } from "../release/image.ts";
import { credentialsFor } from "./credentials.ts";
import { registryFailure } from "./failure.ts";
import type { ImageReference } from "./reference.ts";
import { type Fetched, Registry } from "./registry.ts";

const manifests = [types.manifest, "application/vnd.docker.distribution.manifest.v2+json"] as const;
const indexes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
] as const;

/** Of machines, as images call them. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

interface IndexEntry extends Descriptor {
  readonly platform?: { readonly os: string; readonly architecture: string };
}

export interface PullOptions {
  /** Default: this machine's. */
  readonly architecture?: string;
  /** Told of each part that is fetched. */
  readonly fetched?: (digest: string, bytes: number) => void;
  readonly runtime?: Pick<Runtime, "clock" | "timers">;
}

/** **Errors** `INTERLOCK_REGISTRY`; `INTERLOCK_RELEASE` when it is none for this kind of machine. */
export async function pullBase(image: ImageReference, options: PullOptions = {}): Promise<Base> {
  const { architecture = architectures[process.arch] ?? process.arch, fetched, runtime = nodeRuntime } = options;
  const credentials = await credentialsFor(image.registry);
  const registry = new Registry({ image, credentials, scope: "pull", runtime });
  let manifest = await registry.manifest(image.reference, [...indexes, ...manifests]);
  if ((indexes as readonly string[]).includes(manifest.mediaType)) {
    const { manifests: all } = read(image, manifest) as { readonly manifests?: unknown };
    if (!isListOf<IndexEntry>(all)) throw notOne(image, "a list of images");
    const ours = all.find(({ platform }) => platform?.os === "linux" && platform.architecture === architecture);
    if (ours === undefined) {
      const problem = `${image.repository} is not made for linux/${architecture}`;
      throw new CliError("INTERLOCK_RELEASE", `Cannot release: ${problem}`, { folder: image.repository, problem });
    }
    manifest = await registry.manifest(ours.digest, manifests);
  }
  const { config, layers } = read(image, manifest) as { readonly config?: unknown; readonly layers?: unknown };
  if (!isDescriptor(config) || !isListOf<Descriptor>(layers)) throw notOne(image, "an image");
  const blobs = new Map<string, Uint8Array>();
  for (const { digest } of [config, ...layers]) {
    const bytes = await registry.blob(digest);
    blobs.set(digest, bytes);
    fetched?.(digest, bytes.length);
  }
  return baseOf(manifest.bytes, blobs);
}

/** @returns the image by its digest: `registry/bank@sha256:…`. **Errors** `INTERLOCK_REGISTRY`. */
export async function pushImage(
  to: ImageReference,
  { base, config, layer, manifest }: Image,
  sent: (digest: string, bytes: number, isNew: boolean) => void,
  runtime: Pick<Runtime, "clock" | "timers"> = nodeRuntime,
): Promise<string> {
  const credentials = await credentialsFor(to.registry);
  const registry = new Registry({ image: to, credentials, scope: "pull,push", runtime });
  const parts = [...base.layers.map(({ digest }) => ({ digest, bytes: blobIn(base, digest) })), layer, config];
  // The manifest last: until then nobody sees anything of it.
  for (const part of parts) sent(part.digest, part.bytes.length, await registry.push(part));
  await registry.pushManifest(to.reference, types.manifest, manifest.bytes);
  return `${to.registry}/${to.repository}@${manifest.digest}`;
}

/** What stands between here and a registry may answer with a page of its own. */
function read(image: ImageReference, { bytes }: Fetched): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw notOne(image, "JSON");
}

function isDescriptor(value: unknown): value is Descriptor {
  return typeof (value as Partial<Descriptor> | null | undefined)?.digest === "string";
}

function isListOf<T extends Descriptor>(value: unknown): value is readonly T[] {
  return Array.isArray(value) && value.every(isDescriptor);
}

function notOne({ registry, reference, repository }: ImageReference, what: string): CliError<"INTERLOCK_REGISTRY"> {
  const request = `GET /v2/${repository}/manifests/${reference}`;
  return registryFailure(registry, { request, problem: `what it answers with is not ${what}`, status: 200 });
}
