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
