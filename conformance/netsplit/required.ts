/** What these tests need, and what becomes of them without it: a line that says so, and in CI a failure. */
import { describe, test } from "vitest";
import { missingForNetworks } from "./network.ts";

/** As `describe`, where networks can be made. */
export function describeNetsplits(name: string, cases: () => void): void {
  const missing = missingForNetworks();
  if (missing === undefined) {
    describe(name, cases);
    return;
  }
  if (process.env["CI"] !== undefined) throw new Error(`CI must not go without networks that break: ${missing}`);
  test.skip(`${name}: ${missing}`);
}
