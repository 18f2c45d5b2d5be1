/**
 * An image as an OCI archive, made of a base and one more layer, without a container engine.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
import { createReadStream, createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract, pack } from "tar-stream";
import { CliError } from "../errors.ts";
import { type Blob, blobOf, type Layer } from "./layer.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly config: Readonly<Record<string, unknown>> & { readonly Env?: readonly string[] };
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
  readonly [key: string]: unknown;
}

/** An image to build upon. */
export interface Base {
  readonly image: ImageConfig;
  readonly layers: readonly Descriptor[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export interface ImageOptions {
  readonly workingDirectory: string;
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** An image, in the order in which its parts refer to each other: the manifest last. */
export interface Image {
  readonly base: Base;
  readonly layer: Layer;
  readonly config: Blob;
  readonly manifest: Blob;
}

export const types = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  manifest: "application/vnd.oci.image.manifest.v1+json",
} as const;

/** **Errors** `INTERLOCK_RELEASE`: what is there is no archive of an image. */
export async function readBase(path: string): Promise<Base> {
  const blobs = new Map<string, Uint8Array>();
  const files = new Map<string, Uint8Array>();
  try {
    const tar = extract();
    const read = pipeline(createReadStream(path), tar);
    // It fails with the entries, whose error is the one that is told.
    read.catch(() => undefined);
    for await (const entry of tar) {
      const bytes = await buffer(entry);
      const digest = /^(?:\.\/)?blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.header.name)?.[1];
      if (digest === undefined) files.set(entry.header.name.replace(/^\.\//, ""), bytes);
      else blobs.set(`sha256:${digest}`, bytes);
    }
    await read;
    const index = parse<{ readonly manifests: readonly Descriptor[] }>(files.get("index.json"));
    return baseOf(blobs.get(index.manifests[0]?.digest ?? ""), blobs);
  } catch (cause) {
    const problem = `${path} is no archive of an image: ${(cause as Error).message}`;
    throw new CliError("INTERLOCK_RELEASE", `Cannot release: ${problem}`, { folder: path, problem }, { cause });
  }
}

/** Throws when a part of it is missing. */
export function baseOf(manifest: Uint8Array | undefined, blobs: ReadonlyMap<string, Uint8Array>): Base {
  const { config, layers } = parse<{ readonly config: Descriptor; readonly layers: readonly Descriptor[] }>(manifest);
  const image = parse<ImageConfig>(blobs.get(config.digest));
  return { image, layers: layers.map((one) => ({ ...one, mediaType: typeOf(one.mediaType) })), blobs };
}

/** Docker's own name for the same. */
function typeOf(mediaType: string): string {
  return mediaType === "application/vnd.docker.image.rootfs.diff.tar.gzip" ? types.layer : mediaType;
}

/** The base with one layer more. */
export function imageOf(base: Base, layer: Layer, options: ImageOptions): Image {
  const { command, env, labels, workingDirectory } = options;
  const image: ImageConfig = {
    ...base.image,
    created: new Date(0).toISOString(),
    config: {
      ...base.image.config,
      Env: [...(base.image.config.Env ?? []), ...env],
      WorkingDir: workingDirectory,
      Entrypoint: command,
      Cmd: undefined,
      User: "1000:1000",
      Labels: labels,
    },
    rootfs: { ...base.image.rootfs, diff_ids: [...base.image.rootfs.diff_ids, layer.diffId] },
    history: undefined,
  };
  const config = blobOf(json(image));
  const layers = [...base.layers, { mediaType: types.layer, digest: layer.digest, size: layer.bytes.length }];
  const manifest = blobOf(
    json({ schemaVersion: 2, mediaType: types.manifest, config: descriptor(types.config, config), layers }),
  );
  return { base, layer, config, manifest };
}

/** Writes the archive whole or not at all. `thin` leaves out the layers of the base: for machines that have them. */
export async function writeImage(
  to: string,
  { base, config, layer, manifest }: Image,
  { tag, thin }: { readonly tag: string; readonly thin: boolean },
): Promise<void> {
  const named = { ...descriptor(types.manifest, manifest), annotations: { "io.containerd.image.name": fullName(tag) } };
  const files: (readonly [name: string, bytes: Uint8Array])[] = [
    ["oci-layout", json({ imageLayoutVersion: "1.0.0" })],
    ["index.json", json({ schemaVersion: 2, manifests: [named] })],
  ];
  for (const { bytes, digest } of [config, manifest, layer]) files.push([pathOf(digest), bytes]);
  if (!thin) for (const { digest } of base.layers) files.push([pathOf(digest), blobIn(base, digest)]);
  const tar = pack();
  const written = pipeline(tar, createWriteStream(`${to}.new`));
  for (const [name, bytes] of files) tar.entry({ name, mtime: new Date(0) }, Buffer.from(bytes));
  tar.finalize();
  await written;
  await rename(`${to}.new`, to);
}

/** As containerd names images: with a registry. */
function fullName(tag: string): string {
  const [first = "", ...rest] = tag.split("/");
  if (rest.length === 0) return `docker.io/library/${tag}`;
  return /[.:]|^localhost$/.test(first) ? tag : `docker.io/${tag}`;
}

export function blobIn({ blobs }: Base, digest: string): Uint8Array {
  const bytes = blobs.get(digest);
  if (bytes === undefined) throw new Error(`The base has no ${digest}`);
  return bytes;
}

function descriptor(mediaType: string, { bytes, digest }: Blob): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

const pathOf = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function parse<T>(bytes: Uint8Array | undefined): T {
  if (bytes === undefined) throw new Error("a part is missing");
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as T;
}
