import { defineConfig } from "vitest/config";
import base from "../vitest.config.ts";

export default defineConfig({
  ...base,
  test: {
    ...base["test"],
    include: ["e2e/*.e2e.ts"],
    exclude: ["**/node_modules/**"],
    globalSetup: ["e2e/images.ts"],
    // One after the other: what is measured in one must not wait for the pods of another.
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 300_000,
  },
});
