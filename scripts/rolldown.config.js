/** The bundle of one package; runs in its folder. All code in one file, and a thin one for each entry of several. */
import { readFileSync } from "node:fs";

const { dependencies = {}, exports } = JSON.parse(readFileSync("package.json", "utf8"));
const entries = Object.values(exports)
  .map((entry) => entry["@interlock/source"])
  .filter((entry) => entry !== undefined);

// What is loaded into every node before its own program stays a file of its own.
const shared = (id) => !id.endsWith("/lifeline.ts");

export default {
  input: entries,
  // What a package depends on is installed beside it, never a part of it.
  external: [/^@interlock\//, ...Object.keys(dependencies)],
  platform: "node",
  output: {
    dir: "dist",
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    ...(entries.length > 1 && { codeSplitting: { groups: [{ name: "all", test: shared }] } }),
  },
};
