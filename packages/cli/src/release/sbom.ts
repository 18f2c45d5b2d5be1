/** What a release is made of, for whoever has to know: CycloneDX, without what differs from one making to the next. */
import { readFile } from "node:fs/promises";
import type { ReleaseFile } from "./contents.ts";

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

/** @see https://cyclonedx.org/docs/1.6/json/ */
export async function sbomOf(
  app: { readonly name: string; readonly version: string },
  files: readonly ReleaseFile[],
): Promise<object> {
  const manifests = files.filter(({ path }) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path));
  const components = new Map<string, object>();
  for (const { source } of manifests) {
    const { license, name, version } = JSON.parse(await readFile(source, "utf8")) as Manifest;
    if (name === undefined || version === undefined) continue;
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const licenses = typeof license === "string" ? [{ expression: license }] : undefined;
    components.set(purl, { type: "library", name, version, purl, "bom-ref": purl, licenses });
  }
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name: app.name, version: app.version, "bom-ref": app.name } },
    components: [...components.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, component]) => component),
  };
}
