/**
 * The code in the documentation: `@example` of docstrings and the ```ts blocks of pages. Pure: text in, programs out.
 *
 * An example is a program without the import of its own package, which is put before its first line. What stands behind
 * a `console.log` as a comment is what it prints. A block of a page is a program as it stands; one that begins with
 * `// name.ts` is that file, for the blocks after it. A block without a language directly below is what it prints.
 */
import { parseSync } from "oxc-parser";

export interface Program {
  /** Where it stands: a file and the line of its first line. */
  readonly path: string;
  readonly line: number;
  /** What it is an example of; for a block the name of its file, if it has one. */
  readonly of: string | undefined;
  readonly code: string;
  readonly prints: string;
}

const docstring = /\/\*\*(?<text>[\s\S]*?)\*\//g;

/** The programs in the docstrings of a source. */
export function examplesOf(path: string, source: string): readonly Program[] {
  return [...source.matchAll(docstring)].flatMap((found) => {
    const lines = found[0].split("\n").map((line) => line.replace(/^\s*\/?\*+\/? ?/, "").replace(/\s*\*\/$/, ""));
    const firstLine = source.slice(0, found.index).split("\n").length;
    const of = declared(source.slice(found.index + found[0].length));
    return lines.flatMap((line, at) => {
      if (!line.startsWith("@example")) return [];
      const end = lines.findIndex((other, index) => index > at && other.startsWith("@"));
      const rest = lines.slice(at + 1, end === -1 ? undefined : end);
      const own = line.slice("@example".length).trim();
      const code = [...(own === "" ? [] : [own]), ...rest].join("\n").trimEnd();
      return [{ path, line: firstLine + at + (own === "" ? 1 : 0), of, code, prints: printedBy(code) }];
    });
  });
}

function declared(after: string): string | undefined {
  const found = /^\s*(?:export )?(?:async )?(?:const|function|class|interface|type)? ?(?<name>\w+)/.exec(after);
  return found?.groups?.["name"];
}

function printedBy(code: string): string {
  const lines = code.split("\n").flatMap((line) => /console\.log\(.*\/\/ (.*)$/.exec(line)?.[1] ?? []);
  return lines.map((line) => `${line}\n`).join("");
}

const block = /^```ts\n(?<code>[\s\S]*?)^```\n(?:\n```\n(?<prints>[\s\S]*?)^```\n)?/gm;

/** The programs of a page. */
export function blocksOf(path: string, page: string): readonly Program[] {
  return [...page.matchAll(block)].map(({ groups, index }) => {
    const { code = "", prints = "" } = groups ?? {};
    const of = /^\/\/ (?<file>[\w-]+\.ts)$/m.exec(code.split("\n")[0] ?? "")?.groups?.["file"];
    return { path, line: page.slice(0, index).split("\n").length + 1, of, code, prints };
  });
}

/** A public name, and whether it is a type only. */
export interface PublicName {
  readonly name: string;
  readonly isType: boolean;
}

/** The public names of a package, by its index. */
export function namesOf(index: string): readonly PublicName[] {
  const { errors, module } = parseSync("index.ts", index);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, isType }) => (exportName.name === null ? [] : [{ name: exportName.name, isType }])),
  );
}

/** The example with the imports it needs of these packages, all before the code in its first line. */
export function withImports(code: string, packages: Readonly<Record<string, readonly PublicName[]>>): string {
  const imports = Object.entries(packages).flatMap(([name, names]) => {
    const used = names
      .filter((one) => isUsed(code, one.name))
      .map((one) => (one.isType ? `type ${one.name}` : one.name));
    return used.length === 0 ? [] : [`import { ${used.join(", ")} } from "${name}";`];
  });
  return `${imports.length === 0 ? "export {};" : imports.join(" ")} ${code}\n`;
}

/** Whether `code` uses a name that it does not make or import itself. */
function isUsed(code: string, name: string): boolean {
  const use = new RegExp(`(?<![\\w$.]|["'])${name}(?![\\w$]|["']|:)`);
  const own = new RegExp(`\\b(?:const|let|function|class|interface|type|import {[^}]*) ?\\b${name}\\b`);
  return use.test(code) && !own.test(code);
}
