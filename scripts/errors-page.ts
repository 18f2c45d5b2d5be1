/**
 * `npm run errors-page`: writes docs/errors.md, and what `interlock explain` reads, from the tables of errors in the packages' sources, which are the one
 * place where a code, what its details hold, when it is met and what to try are written down.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Comment, parseSync, type TSPropertySignature, Visitor } from "oxc-parser";

import { root } from "./step.ts";

interface CodedError {
  readonly code: string;
  readonly when: string;
  readonly details: readonly { readonly name: string; readonly type: string }[];
  readonly hint: string;
}

/** The errors of a source with an interface of details and an object of hints, in the order of the interface. */
function errorsOf(path: string, source: string): readonly CodedError[] {
  const { comments, errors, program } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join("\n")}`);
  const signatures: TSPropertySignature[] = [];
  const hints = new Map<string, string>();
  const aliases = new Map<string, string>();
  new Visitor({
    TSInterfaceDeclaration: ({ body, id }) => {
      if (/^\w*ErrorDetails$/.test(id.name))
        signatures.push(...body.body.filter((member) => member.type === "TSPropertySignature"));
    },
    TSTypeAliasDeclaration: ({ id, typeAnnotation: { end, start, type } }) => {
      if (type === "TSUnionType") aliases.set(id.name, source.slice(start, end).replace(/^\s*\|/, ""));
    },
    Property: ({ key, value }) => {
      if (key.type === "Identifier" && value.type === "Literal" && key.name.startsWith("INTERLOCK_"))
        hints.set(key.name, String(value.value));
    },
  }).visit(program);
  return signatures.map((signature) => {
    const code = nameOf(signature);
    const type = signature.typeAnnotation?.typeAnnotation;
    const fields = type?.type === "TSTypeLiteral" ? type.members : [];
    const missing = (what: string): never => {
      throw new Error(`${path}: ${code} has no ${what}`);
    };
    return {
      code,
      when: docstringBefore(signature.start, source, comments) ?? missing("docstring that says when it is met"),
      hint: hints.get(code) ?? missing("hint"),
      details: fields.flatMap((field) => {
        if (field.type !== "TSPropertySignature" || field.typeAnnotation === null) return [];
        const { end, start } = field.typeAnnotation?.typeAnnotation ?? missing("types of its details");
        return [{ name: nameOf(field), type: plain(source.slice(start, end), aliases) }];
      }),
    };
  });
}

function nameOf({ key }: TSPropertySignature): string {
  return key.type === "Identifier" ? key.name : "";
}

function docstringBefore(at: number, source: string, comments: readonly Comment[]): string | undefined {
  const before = comments.findLast(({ end }) => end <= at);
  if (before === undefined || source.slice(before.end, at).trim() !== "") return undefined;
  return before.value.replaceAll(/\s*\n?\s*\*\s?/g, " ").trim();
}

/** A type in one line, for a reader: names of unions as what they stand for. */
function plain(type: string, aliases: ReadonlyMap<string, string>): string {
  return type
    .replaceAll(/\w+/g, (name) => aliases.get(name) ?? name)
    .replaceAll("readonly ", "")
    .replaceAll(/\s+/g, " ")
    .replaceAll("; }", " }")
    .trim();
}

function sectionOf(name: string, source: string, path: string): string {
  const entries = errorsOf(path, source).map(({ code, details, hint, when }) =>
    [
      `### ${code}`,
      "",
      when,
      "",
      ...details.map((field) => `* \`${field.name}\`: \`${field.type}\``),
      "",
      `**Try:** ${hint}`,
      "",
    ].join("\n"),
  );
  return [`## @interlock/${name}`, "", ...entries].join("\n");
}

const introduction = `# Errors

<!-- Written by \`npm run errors-page\` from the packages' errors.ts. -->

What an operation refuses, or could not do, is an error with a stable \`code\`, with \`details\` typed by it and with a \`hint\`, the
same as below. Nobody need parse a message: \`isError(error, "INTERLOCK_CALL_TIMEOUT")\` of \`@interlock/core\` knows an error by its
code, from whichever copy of the package it comes, and types its details.

Uncaught in a process an error is that process' exit reason: \`{ error }\`. Exit reasons themselves (\`"normal"\`, \`"shutdown"\`,
\`"killed"\`, …) are data and no errors.
`;

/** Those with a table of errors, in the order of the page. */
const packages = ["core", "wire", "cluster", "kubernetes", "cli"];

/** The page as it has to be. */
export function errorsPage(): string {
  const sections = packages.map((name) => {
    const path = `packages/${name}/src/errors.ts`;
    return sectionOf(name, readFileSync(join(root, path), "utf8"), path);
  });
  return [introduction, ...sections].join("\n");
}

/** The same for `interlock explain`: by code, in the order of the page. */
export function explanations(): string {
  const entries = packages.flatMap((name) => {
    const path = `packages/${name}/src/errors.ts`;
    const errors = errorsOf(path, readFileSync(join(root, path), "utf8"));
    return errors.map(({ code, hint, when }) => [code, { package: `@interlock/${name}`, meaning: when, try: hint }]);
  });
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(join(root, "docs", "errors.md"), errorsPage());
  writeFileSync(join(root, "packages", "cli", "src", "explanations.json"), explanations());
}
