/** `interlock doctor`: what is wrong, each with its cause and what to try. */
import { examine, type Finding, type Outcome } from "../inspect/examine.ts";
import { coloured, signs } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import { widthOf } from "../ui/table.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { exitCodes } from "./exit-code.ts";

export interface DoctorOptions {
  readonly file: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly output?: string;
}

/** @returns the exit code: 3 when something is wrong. */
export async function doctor(options: DoctorOptions, terminal: Terminal): Promise<number> {
  const format = formatOf(options.output);
  const { file, namespace } = options;
  const findings = await examine({
    file,
    namespace,
    nodeVersion: process.version,
    connect: () => terminal.connect(options.context),
  });
  await answer(findings, format, terminal.out, (all) => drawn(all, terminal.out));
  return findings.some(({ outcome }) => outcome === "bad") ? exitCodes.degraded : exitCodes.ok;
}

const SIGNS: Readonly<Record<Outcome, (stream: TextStream) => string>> = {
  good: signs.good,
  bad: signs.bad,
  skipped: (stream) => coloured("gray", "•", stream),
};

function drawn(findings: readonly Finding[], out: TextStream): string {
  const width = Math.max(...findings.map(({ check }) => widthOf(check)));
  const indent = " ".repeat(width + 4);
  return findings
    .map(({ check, found, outcome, try: hint }) => {
      const text = found.trim().replaceAll(/\n\s*/g, `\n${indent}`);
      const shown = outcome === "skipped" ? coloured("gray", text, out) : text;
      const head = `${SIGNS[outcome](out)} ${check}${" ".repeat(width - widthOf(check))}  ${shown}\n`;
      return outcome === "bad" && hint !== undefined ? `${head}${indent}Try  ${hint}\n` : head;
    })
    .join("");
}
