/** Runs one measuring program in a fresh process and gathers the figures it prints. It never throws: a program that fails has a reason. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Figure } from "./figure.ts";

export interface Outcome {
  readonly figures: ReadonlyMap<string, Figure>;
  /** Why the program ended before its time, in one line. */
  readonly failure: string | undefined;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** The program is ended as soon as it has printed this figure. */
  readonly until?: string;
}

export async function runChild(command: string, args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  const figures = new Map<string, Figure>();
  const complaints: string[] = [];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });

  let ended: string | undefined;
  let satisfied = false;
  const timer = setTimeout(() => {
    ended = `no end within ${(options.timeoutMs ?? 0) / 1_000} s`;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 300_000);

  createInterface({ input: child.stdout }).on("line", (line) => {
    const figure = parseFigure(line);
    if (figure === undefined) return;
    figures.set(figure.name, figure);
    if (figure.name !== options.until) return;
    satisfied = true;
    child.kill("SIGKILL");
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (line.trim() !== "") complaints.push(line.trim());
  });

  const code = await new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (exitCode, signal) => resolve(exitCode ?? signal ?? "no exit code"));
  });
  clearTimeout(timer);

  if (code === 0 || satisfied) return { figures, failure: undefined };
  return { figures, failure: ended ?? complaint(complaints) ?? `ended with ${code}` };
}

function parseFigure(line: string): Figure | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Figure;
  } catch {
    return undefined;
  }
}

/** The line of a Node.js death that says why: the error itself, not the source line above it nor the frames below. */
function complaint(lines: readonly string[]): string | undefined {
  const errors = lines.filter((line) =>
    /^(\[cause\]: |error: |Uncaught )*(\w*Error\b( \[\w+\])?:|Warning:) /.test(line),
  );
  return errors.length > 0 ? errors.slice(0, 2).join(" / ") : lines.at(-1);
}
