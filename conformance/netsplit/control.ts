/** How the test and its programs talk: one JSON line for each question, answer and event, on stdin and stdout. */
import { createInterface } from "node:readline";

/** What a program tells by itself. */
export interface Told {
  readonly event: string;
  /** By the machine's monotonic clock, which all programs share. */
  readonly atMs: number;
  readonly [detail: string]: unknown;
}

/** What a program does when asked, by name. */
// biome-ignore lint/suspicious/noExplicitAny: each is called by name with arguments that the test chooses.
export type Operations = Readonly<Record<string, (...args: any[]) => unknown>>;

export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  /** The error's code, or what it says. */
  | { readonly error: string }
);

export function tell(event: string, details: Readonly<Record<string, unknown>> = {}): void {
  write({ event, atMs: Number(process.hrtime.bigint() / 1_000n) / 1_000, ...details });
}

/** Answers what is asked until nobody can ask any more; then the program ends. */
export function serve(operations: Operations): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => void answer(operations, line));
  lines.on("close", () => process.exit());
}

async function answer(operations: Operations, line: string): Promise<void> {
  const { args, id, operation } = JSON.parse(line) as { args: unknown[]; id: number; operation: string };
  try {
    write({ id, value: (await operations[operation]?.(...args)) ?? null });
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    write({ id, error: typeof code === "string" ? code : String(message) });
  }
}

function write(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
