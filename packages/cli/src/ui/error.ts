/** How errors are shown: what, on what, what to try. The same fields for people and, with `-o json`, for programs. */
import { coloured, signs } from "./colour.ts";
import { widthOf, wrapped } from "./table.ts";
import type { TextStream } from "./terminal.ts";

interface Coded {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: unknown;
}

export interface ErrorOptions {
  /** Default `table`: for people. */
  readonly format?: string | undefined;
  /** With the stack, and those of its causes. */
  readonly verbose?: boolean | undefined;
}

const WIDTH = 100;

export function isCoded(error: unknown): error is Coded {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}

export function renderError(error: unknown, stream: TextStream, options: ErrorOptions = {}): string {
  const { format, verbose = false } = options;
  // YAML's readers read JSON, and a command that fails need not load a library for that.
  if (format === "json" || format === "yaml") return `${JSON.stringify({ error: fieldsOf(error) }, undefined, 2)}\n`;
  const message = error instanceof Error ? error.message : String(error);
  const code = isCoded(error) ? error.code : undefined;
  const width = Math.min(stream.columns || WIDTH, WIDTH);
  const [first = "", ...more] = message.split("\n");
  const lines = [titled(`${signs.bad(stream)} ${first}`, code && coloured("gray", code, stream), width), ...more];
  if (isCoded(error) && error.hint !== undefined)
    lines.push("", `  Try   ${wrapped(error.hint, width, "        ").trimStart()}`);
  if (code?.startsWith("INTERLOCK_")) lines.push(`  More  ${coloured("cyan", `interlock explain ${code}`, stream)}`);
  // Nobody planned for it: its stack is all that there is to say where.
  const isUnknown = code === undefined;
  if (verbose || isUnknown) lines.push("", ...stacksOf(error).map((line) => coloured("gray", line, stream)));
  return `${lines.join("\n")}\n`;
}

/** The code at the end of the first line, where there is room. */
function titled(title: string, code: string | undefined, width: number): string {
  if (code === undefined) return title;
  const room = width - widthOf(title) - widthOf(code);
  return room < 2 ? `${title}\n  ${code}` : `${title}${" ".repeat(room)}${code}`;
}

function stacksOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const cause = error.cause instanceof Error ? [`  caused by ${error.cause.message}`, ...stacksOf(error.cause)] : [];
  return [...frames, ...cause];
}

function fieldsOf(error: unknown): object {
  if (!isCoded(error)) return { message: error instanceof Error ? error.message : String(error) };
  const { code, details, hint, message } = error;
  return { code, message, details, try: hint };
}
