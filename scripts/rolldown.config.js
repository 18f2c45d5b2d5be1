/** The bundle of one package; runs in its folder. All code in one file, and a thin one for each entry of several. */
import { existsSync } from "node:fs";

const entries = ["src/index.ts", "src/distribution.ts"].filter((entry) => existsSync(entry));

export default {
  input: entries,
  external: /^@interlock\//,
  platform: "node",
  output: {
    dir: "dist",
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    ...(entries.length > 1 && { codeSplitting: { groups: [{ name: "all", test: /./ }] } }),
  },
};
