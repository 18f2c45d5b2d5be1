/** When members that know different ones are worth a report: a cut that heals soon is none, one that lasts is, and lasts on. */
import type { NodeName } from "@interlock/core";
import { type View, viewDifferences } from "./view.ts";

/** For so long nobody is told; then after twice as long, and so on. */
const REPORT_AFTER_MS = 30_000;

export class Disagreement {
  #sinceMs: number | undefined;
  #afterMs = REPORT_AFTER_MS;

  /** What is to be reported now. `differing` are the members with another view than `own`, as in `Agreement`. */
  seen(
    own: View,
    differing: readonly { readonly node: NodeName; readonly view: View | undefined }[],
    nowMs: number,
  ): string | undefined {
    if (differing.length === 0) {
      this.#sinceMs = undefined;
      this.#afterMs = REPORT_AFTER_MS;
      return undefined;
    }
    this.#sinceMs ??= nowMs;
    const forMs = nowMs - this.#sinceMs;
    if (forMs < this.#afterMs) return undefined;
    this.#afterMs *= 2;
    const all = differing.flatMap(({ node, view }) =>
      view === undefined
        ? `${node} has another view`
        : viewDifferences(own, view).map((one) => {
            return `${one.node} is ${one.here?.state ?? "unknown"} here and ${one.there?.state ?? "unknown"} to ${node}`;
          }),
    );
    return `the members have not agreed for ${Math.floor(forMs / 1_000)} s: ${all.join(", ")}`;
  }
}
