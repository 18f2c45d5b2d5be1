/**
 * The bundle of one package; runs in its folder. All code of a library in one file, and a thin one for each entry of several.
 */
import { readFileSync } from "node:fs";

const { bin, dependencies = {}, exports } = JSON.parse(readFileSync("package.json", "utf8"));
/** Each by the name that its file in `dist` shall have. */
const entries = Object.fromEntries(
  Object.values(exports).flatMap((entry) => {
    const source = entry["@interlock/source"];
    return source === undefined ? [] : [[entry.default.replace(/^\.\/dist\/|\.js$/g, ""), source]];
  }),
);

// A command loads what it needs when it is called, and what is loaded into every node stays a file of its own.
const isOneFile = bin === undefined && Object.keys(entries).length > 1;
/** What a thread beside the program runs, or the program before all else, is none of it: in one file with the rest it would load all of that. */
const alone = [
  { name: "heap", test: /\/pod\/memory\.ts$/, priority: 3 },
  { name: "beats", test: /\/pod\/heartbeat\.ts$/, priority: 2 },
  { name: "management", test: /\/pod\/management\/(protocol|thread)\.ts$/, priority: 1 },
];

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
    ...(isOneFile && { codeSplitting: { groups: [...alone, { name: "all", test: () => true }] } }),
  },
};
