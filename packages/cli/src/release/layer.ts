/** Files as one layer of an image: the same files give the same bytes, whenever and by whomever they are packed. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import type { ReleaseFile } from "./contents.ts";

export interface Blob {
  /** `sha256:…` */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface Layer extends Blob {
  /** Of what it is uncompressed. */
  readonly diffId: string;
}

const epoch = new Date(0);

export async function layerOf(files: readonly ReleaseFile[]): Promise<Layer> {
  const tar = pack();
  const whole = buffer(tar);
  const folders = new Set<string>();
  for (const { path, source } of files) {
    for (const folder of foldersAbove(path)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      tar.entry({ name: `${folder}/`, type: "directory", mode: 0o755, mtime: epoch });
    }
    const isExecutable = ((await stat(source)).mode & 0o100) !== 0;
    tar.entry({ name: path, mode: isExecutable ? 0o755 : 0o644, mtime: epoch }, await readFile(source));
  }
  tar.finalize();
  const uncompressed = await whole;
  // Node.js writes no time and no name into the header of what it compresses.
  const gzip = createGzip({ level: 6 });
  const compressed = buffer(gzip);
  gzip.end(uncompressed);
  return { ...blobOf(await compressed), diffId: digestOf(uncompressed) };
}

function foldersAbove(path: string): readonly string[] {
  const parent = posix.dirname(path);
  return parent === "." || parent === "/" ? [] : [...foldersAbove(parent), parent];
}

export function blobOf(bytes: Uint8Array): Blob {
  return { digest: digestOf(bytes), bytes };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
