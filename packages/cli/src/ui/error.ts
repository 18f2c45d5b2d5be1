/** How errors are shown: what, on what, what to try. The same fields for people and, with `-o json`, for programs. */
import { styleText } from "node:util";

interface Coded {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: unknown;
}

export function isCoded(error: unknown): error is Coded {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}

export function renderError(error: unknown, stream: NodeJS.WriteStream): string {
  if (!isCoded(error)) return `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
  const [first = "", ...more] = error.message.split("\n");
  const sign = styleText("red", "✖", { stream });
  const lines = [`${sign} ${first}  ${styleText("gray", error.code, { stream })}`, ...more];
  if (error.hint !== undefined) lines.push(`  Try  ${error.hint}`);
  return `${lines.join("\n")}\n`;
}
