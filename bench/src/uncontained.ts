/** `node --import`: puts the bundle of `uncontained-core.ts` in the place of @interlock/core. */
import { registerHooks } from "node:module";

const uncontained = new URL("../dist/uncontained-core.js", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "@interlock/core" ? { url: uncontained, shortCircuit: true } : next(specifier, context),
});
