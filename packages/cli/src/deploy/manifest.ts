/** The objects as one YAML text: what is printed is what is applied. */
import { Document } from "yaml";
import type { Rendered } from "./render.ts";

export function manifestOf(rendered: readonly Rendered[]): string {
  return rendered
    .map(({ object, why }) => {
      const document = new Document(object, { aliasDuplicateObjects: false });
      document.commentBefore = ` ${why}`;
      return document.toString({ lineWidth: 120 });
    })
    .join("---\n");
}

/** The same as one JSON value, which kubectl takes too. */
export function listOf(rendered: readonly Rendered[]): string {
  const items = rendered.map(({ object }) => object);
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items }, undefined, 2)}\n`;
}
