/** The page. Pure. */
import type { Results } from "./results.ts";
export function pageOf(results: Results): string {
  return JSON.stringify(results.runs.length);
}
