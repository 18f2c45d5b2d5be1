/**
 * Modules of Node.js that are wanted now and then only. An `import` of `node:util` alone costs 10 ms, because it loads
 * whatever that module could ever hand out; what is needed to print a crash need not be paid for at start-up.
 */
interface Builtins {
  readonly "node:util": typeof import("node:util");
  readonly "node:fs": typeof import("node:fs");
  readonly "node:fs/promises": typeof import("node:fs/promises");
}

export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  return process.getBuiltinModule(name) as unknown as Builtins[Name];
}
