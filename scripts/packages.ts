/** The packages that are published, in the order in which they must be built: each after what it depends on. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./step.ts";

export interface PublishedPackage {
  readonly name: string;
  readonly folder: string;
  readonly dependencies: readonly string[];
}

export function publishedPackages(): PublishedPackage[] {
  const found = readdirSync(join(root, "packages"))
    .map((folder) => join(root, "packages", folder))
    .filter((folder) => existsSync(join(folder, "tsconfig.build.json")))
    .map(readPackage);
  const ordered: PublishedPackage[] = [];
  while (ordered.length < found.length) {
    const next = found.find((candidate) => !ordered.includes(candidate) && isReady(candidate, found, ordered));
    if (next === undefined) throw new Error("The packages depend on each other in a circle.");
    ordered.push(next);
  }
  return ordered;
}

function isReady(
  candidate: PublishedPackage,
  found: readonly PublishedPackage[],
  ordered: readonly PublishedPackage[],
): boolean {
  return candidate.dependencies.every(
    (name) => !found.some((other) => other.name === name) || ordered.some((other) => other.name === name),
  );
}

function readPackage(folder: string): PublishedPackage {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name: string;
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
  };
  return {
    name: manifest.name,
    folder,
    dependencies: [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.peerDependencies ?? {})],
  };
}
