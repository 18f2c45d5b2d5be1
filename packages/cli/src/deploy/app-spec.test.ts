import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseAppSpec } from "./app-spec.ts";

const page = readFileSync(new URL("../../../../docs/kubernetes.md", import.meta.url), "utf8");
const block = /```yaml\n(apiVersion[^`]+)```/.exec(page)?.[1] ?? "";

test("the page shows every key of an application's file, with what it is when it is left out", () => {
  const minimal = "apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: shop }\nspec: {}\n";
  const { name, ...defaults } = parseAppSpec(minimal, "minimal");
  const { spec } = parse(block) as { readonly spec: { readonly cluster: string; readonly image: string } };
  expect(parseAppSpec(block, "page")).toEqual({ name, ...defaults, cluster: name, image: spec.image });
  expect(Object.keys(spec).sort()).toEqual([...Object.keys(defaults), "cluster", "image"].sort());
});
