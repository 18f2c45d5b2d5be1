/** `interlock crashes`: what has failed on nodes of late. */
import type { Failure } from "@interlock/cluster";
import { nodeRuntime } from "@interlock/core";
import { coloured, signs } from "../ui/colour.ts";
import { age } from "../ui/table.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { type AskOptions, askNodes } from "./asked.ts";

export interface CrashesOptions extends AskOptions {
  /** With stack, message and state. */
  readonly full?: boolean;
}

/** @returns the exit code: 3 when a node gave no answer. */
export function crashes(node: string | undefined, options: CrashesOptions, terminal: Terminal): Promise<number> {
  return askNodes<readonly Failure[]>(node, options, terminal, {
    ask: (client) => client.crashes(),
    plain: (failures) => ({ crashes: failures.map((one) => ({ ...one, at: new Date(one.at).toISOString() })) }),
    drawn: (answers, out) =>
      drawnFailures(
        answers.flatMap(({ node: { id }, value }) => value.map((failure) => ({ id, failure }))),
        options.full === true,
        out,
      ),
  });
}

const words: Readonly<Record<string, string>> = {
  child_terminated: "has ended",
  start_error: "could not be started",
  shutdown_error: "did not stop as it should",
  shutdown: "has given up",
};

/** The oldest first, so that the newest is where the reader's eye is. */
export function drawnFailures(
  all: readonly { readonly id: string; readonly failure: Failure }[],
  full: boolean,
  out: TextStream,
): string {
  if (all.length === 0) return `${signs.good(out)} nothing has failed since these nodes started\n`;
  const nowMs = nodeRuntime.clock.wallTime();
  return all
    .toSorted((a, b) => a.failure.at - b.failure.at)
    .map(({ failure: { at, label, pid, reason, text, what }, id }) => {
      const head = `${signs.bad(out)} ${id}  ${coloured("gray", `${age(at, nowMs)} ago`, out)}  ${label} ${pid} ${words[what] ?? what}: ${reason}\n`;
      return full ? `${head}${coloured("gray", text, out)}\n` : head;
    })
    .join("");
}
