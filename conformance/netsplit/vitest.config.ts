import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

export default defineConfig({
  ...base,
  test: {
    ...base["test"],
    include: ["conformance/netsplit/*.netsplit.ts"],
    // One after the other: leases and ticks of one cluster must not wait for the programs of another.
    fileParallelism: false,
    testTimeout: 90_000,
  },
});
