import { defineConfig } from "vitest/config";

// Sources of the workspace, without a build; the rest are Vite's own defaults for the server.
const conditions = ["@interlock/source", "module", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      "packages/**/*.test.ts",
      "conformance/**/*.test.ts",
      "conformance/**/*.conformance.ts",
      "examples/**/*.test.ts",
      "bench/**/*.test.ts",
      "evaluation/**/*.test.ts",
      "scripts/**/*.test.ts",
      "tests/**/*.test.ts",
    ],
    // The e2e suites run under node:test, where no runner stands between a process and its uncaught exceptions.
    exclude: ["**/node_modules/**", "**/dist/**", "**/e2e/**"],
    // Types (`*.types.test.ts`, expectTypeOf) are checked by the tsc of `npm run check`, which reads every test file.
    pool: "forks",
    // A limit for what hangs, not for what is slow: CI has two cores for everything.
    testTimeout: 30_000,
    // A failure says what it found, whole: of CI there is only its message.
    chaiConfig: { truncateThreshold: 0 },
    execArgv: ["--conditions=@interlock/source", "--expose-gc"],
  },
});
