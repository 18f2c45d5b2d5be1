/**
 * Reads the sources of the packages and tells what they may not do: import upward, or touch the clock, timers and
 * randomness instead of the ports of the Runtime record. Pure: source text in, violations out.
 */
import { posix } from "node:path";

import { type Expression, type MemberExpression, parseSync, Visitor } from "oxc-parser";

/** Whom each package may import; a package that is not listed fails until it gets a line here. */
const packageImports: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: [],
  cluster: ["core", "wire"],
  resilience: ["core"],
  kubernetes: ["core", "cluster", "resilience"],
  operator: ["core", "cluster", "kubernetes"],
  observe: ["core", "cluster"],
  gateway: ["core", "cluster"],
  testing: ["core", "wire", "cluster", "resilience", "kubernetes"],
  cli: ["core", "wire", "cluster", "resilience", "kubernetes", "operator", "observe", "gateway", "testing"],
};

/**
 * The folders and top-level files of core, low to high. A line imports from itself and from the lines above it. `process`,
 * `naming` and `node.ts` are one line because a process sends to names and a name leads to a process.
 */
const coreLayers: readonly (readonly string[])[] = [
  ["builtin.ts", "runtime.ts", "pause.ts", "back-off.ts", "errors.ts"],
  ["report", "scheduler", "process", "naming", "node.ts"],
  ["behaviour"],
  ["storage"],
  ["supervision"],
  ["application", "testing"],
  ["distribution.ts"],
  ["index.ts"],
];

/** Imports of types alone that may go up: they vanish when the types are stripped. */
const upwardTypeImports: readonly { readonly from: string; readonly to: string }[] = [
  // The details of an error are typed by what it is about: pids and exit reasons.
  { from: "errors.ts", to: "process" },
];

/** The only files that touch what is outside: the clock, timers, randomness. */
const portFiles: readonly string[] = [
  "packages/core/src/runtime.ts",
  "packages/cluster/src/ports.ts",
  // Runs in every node beside its program, and in a thread of its own, where there is no Runtime.
  "packages/cli/src/lifeline.ts",
  // The same in a pod: the beats of the main thread, the thread that looks for them, and how late the event loop is.
  "packages/kubernetes/src/pod/heartbeat.ts",
  "packages/kubernetes/src/pod/management/thread.ts",
  "packages/kubernetes/src/pod/probes/loop-delay.ts",
];

const timerGlobals = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
]);
const bannedGlobals = new Set([...timerGlobals, "performance"]);
const bannedModules = /^(node:)?(timers(\/promises)?|perf_hooks)$/;
const cryptoModule = /^(node:)?crypto$/;
const bannedMembers: Readonly<Record<string, ReadonlySet<string>>> = {
  Date: new Set(["now"]),
  Math: new Set(["random"]),
  process: new Set(["hrtime", "uptime"]),
  AbortSignal: new Set(["timeout"]),
  crypto: new Set(["getRandomValues", "randomUUID"]),
};
const randomnessOfCrypto = new Set([
  "getRandomValues",
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
  "randomUUIDv7",
  "webcrypto",
  "default",
]);

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  /** Names as the module exports them; `*` for the whole namespace. */
  readonly names: readonly string[];
  readonly offset: number;
}

/** What is wrong with one file, each as `path:line what`. `path` is relative to the root, with forward slashes. */
export function violationsOf(path: string, source: string): string[] {
  const parsed = parseSync(path, source);
  if (parsed.errors.length > 0) return parsed.errors.map((error) => `${path}: cannot be read: ${error.message}`);
  const found: { offset: number; text: string }[] = [];
  const imports = importsOf(parsed);
  for (const one of imports) {
    const text = importViolation(path, one);
    if (text !== undefined) found.push({ offset: one.offset, text });
  }
  if (!portFiles.includes(path)) {
    for (const one of imports) {
      if (one.isTypeOnly) continue;
      const text = portImportViolation(one);
      if (text !== undefined) found.push({ offset: one.offset, text });
    }
    found.push(...portUses(parsed));
  }
  return found
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, text }) => `${path}:${source.slice(0, offset).split("\n").length} ${text}`);
}

type Parsed = ReturnType<typeof parseSync>;

function importsOf(parsed: Parsed): Import[] {
  const imports: Import[] = [];
  const add = (source: { value: unknown }, isTypeOnly: boolean, names: string[], offset: number): void => {
    imports.push({ specifier: String(source.value), isTypeOnly, names, offset });
  };
  new Visitor({
    ImportDeclaration(node) {
      const values = node.specifiers.filter((one) => one.type !== "ImportSpecifier" || one.importKind !== "type");
      const isTypeOnly = node.importKind === "type" || (node.specifiers.length > 0 && values.length === 0);
      const names = values.map((one) => {
        if (one.type === "ImportNamespaceSpecifier") return "*";
        if (one.type === "ImportDefaultSpecifier") return "default";
        return one.imported.type === "Identifier" ? one.imported.name : String(one.imported.value);
      });
      add(node.source, isTypeOnly, names, node.start);
    },
    ExportNamedDeclaration(node) {
      if (node.source === null) return;
      const names = node.specifiers.map((one) => (one.local.type === "Identifier" ? one.local.name : "default"));
      add(node.source, node.exportKind === "type", names, node.start);
    },
    ExportAllDeclaration(node) {
      add(node.source, node.exportKind === "type", ["*"], node.start);
    },
    ImportExpression(node) {
      // A computed specifier (user code named by its URL) has no place in the order of the packages.
      if (node.source.type === "Literal") add(node.source, false, ["*"], node.start);
    },
    TSImportType(node) {
      add(node.source, true, [], node.start);
    },
  }).visit(parsed.program);
  return imports;
}

function importViolation(path: string, { specifier, isTypeOnly }: Import): string | undefined {
  const [, packageName, rest] = /^packages\/([^/]+)\/src\/(.+)$/.exec(path) ?? [];
  if (packageName === undefined || rest === undefined) return `is not packages/<name>/src/<file>`;
  const allowed = packageImports[packageName];
  if (allowed === undefined) return `belongs to package ${packageName}, which has no line in packageImports`;
  if (specifier.startsWith("node:")) return undefined;
  if (specifier.startsWith(".")) return relativeViolation(packageName, rest, specifier, isTypeOnly);
  const [, imported] = /^@interlock\/([^/]+)/.exec(specifier) ?? [];
  if (imported !== undefined) {
    return allowed.includes(imported) ? undefined : `${packageName} imports ${specifier}, which is not below it`;
  }
  if (packageName === "core") return `core imports ${specifier}: it has no run-time dependencies`;
  return undefined;
}

function relativeViolation(
  packageName: string,
  file: string,
  specifier: string,
  isTypeOnly: boolean,
): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (target.startsWith("..")) return `imports ${specifier}, outside its package's src`;
  if (packageName !== "core") return undefined;
  const [from = "", to = ""] = [file.split("/")[0], target.split("/")[0]];
  if (from === to) return undefined;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer === -1) return `${from} has no line in coreLayers`;
  if (toLayer === -1) return `imports ${to}, which has no line in coreLayers`;
  if (toLayer <= fromLayer) return undefined;
  if (isTypeOnly && upwardTypeImports.some((one) => one.from === from && one.to === to)) return undefined;
  return `${from} imports ${isTypeOnly ? "a type " : ""}from ${to}, which is above it`;
}

function layerOf(name: string): number {
  return coreLayers.findIndex((layer) => layer.includes(name));
}

function portImportViolation({ specifier, names }: Import): string | undefined {
  if (bannedModules.test(specifier)) return `imports ${specifier}: clock and timers come from the Runtime record`;
  if (!cryptoModule.test(specifier)) return undefined;
  const random = names.find((name) => name === "*" || randomnessOfCrypto.has(name));
  return random && `imports ${random} of ${specifier}: import single names; randomness comes from the Runtime record`;
}

/** Uses of the banned globals in expressions. Names are enough: whoever shadows `setTimeout` should choose another. */
function portUses(parsed: Parsed): { offset: number; text: string }[] {
  const found: { offset: number; text: string }[] = [];
  const harmlessDates = new Set<number>();
  const dates: number[] = [];
  const names = new Set<number>();
  const flag = (offset: number, what: string): void => {
    found.push({ offset, text: `touches ${what}: clock, timers and randomness come from the Runtime record` });
  };
  const property = (node: MemberExpression): string | undefined => {
    if (node.property.type === "Literal") return String(node.property.value);
    return node.computed || node.property.type !== "Identifier" ? undefined : node.property.name;
  };
  new Visitor({
    MemberExpression(node) {
      if (!node.computed) names.add(node.property.start);
      const name = property(node);
      if (name === undefined) return;
      const { object } = node;
      if (object.type === "MemberExpression" && isGlobalObject(object.object)) {
        const inner = property(object);
        if (inner !== undefined && bannedMembers[inner]?.has(name)) flag(node.start, `globalThis.${inner}.${name}`);
        return;
      }
      if (isGlobalObject(object) && bannedGlobals.has(name)) flag(node.start, `globalThis.${name}`);
      if (object.type !== "Identifier") return;
      if (bannedMembers[object.name]?.has(name)) flag(node.start, `${object.name}.${name}`);
      if (object.name === "Date") harmlessDates.add(object.start);
    },
    Property(node) {
      if (!node.computed && !node.shorthand) names.add(node.key.start);
    },
    VariableDeclarator(node) {
      // `const { now } = Date` and its kin.
      if (node.init?.type !== "Identifier" || node.id.type !== "ObjectPattern") return;
      for (const one of node.id.properties) {
        if (one.type !== "Property" || one.key.type !== "Identifier") continue;
        const isBanned =
          bannedMembers[node.init.name]?.has(one.key.name) ||
          (isGlobalObject(node.init) && bannedGlobals.has(one.key.name));
        if (isBanned) flag(one.start, `${node.init.name}.${one.key.name}`);
      }
    },
    NewExpression(node) {
      // A date made of a number is a value; without arguments it reads the clock.
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length > 0) {
        harmlessDates.add(node.callee.start);
      }
    },
    BinaryExpression(node) {
      if (node.operator === "instanceof" && node.right.type === "Identifier") harmlessDates.add(node.right.start);
    },
    PropertyDefinition(node) {
      if (!node.computed) names.add(node.key.start);
    },
    MethodDefinition(node) {
      if (!node.computed) names.add(node.key.start);
    },
    TSPropertySignature(node) {
      names.add(node.key.start);
    },
    TSMethodSignature(node) {
      names.add(node.key.start);
    },
    TSTypeReference(node) {
      names.add(node.typeName.start);
    },
    TSTypeQuery(node) {
      names.add(node.exprName.start);
    },
    ImportSpecifier(node) {
      names.add(node.imported.start);
    },
    Identifier(node) {
      if (node.name === "Date") dates.push(node.start);
      else if (bannedGlobals.has(node.name) && !names.has(node.start)) flag(node.start, node.name);
    },
  }).visit(parsed.program);
  for (const offset of dates) {
    if (!harmlessDates.has(offset) && !names.has(offset)) flag(offset, "Date");
  }
  return found;
}

function isGlobalObject(node: Expression): boolean {
  return node.type === "Identifier" && (node.name === "globalThis" || node.name === "global");
}
