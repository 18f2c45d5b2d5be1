/** `interlock explain`: what a code means, and what to try; the same words as on the page of errors. */
import { CliError } from "../errors.ts";
import explanations from "../explanations.json" with { type: "json" };
import { coloured } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import { table, wrapped } from "../ui/table.ts";
import type { Terminal } from "../ui/terminal.ts";

export interface ExplainOptions {
  readonly output?: string;
}

interface Explanation {
  readonly code: string;
  readonly title: string;
  readonly package: string;
  readonly meaning: string;
  readonly try: string;
}

const WIDTH = 100;
/** So many letters may be wrong for a code to be what was meant. */
const NEAR = 4;

const all: readonly Explanation[] = Object.entries(explanations).map(([code, one]) => ({
  code,
  title: titleOf(code),
  ...one,
}));

/** **Errors** `INTERLOCK_NO_SUCH_CODE`, with those that are spelled alike. */
export async function explain(
  given: string | undefined,
  options: ExplainOptions,
  { out }: Pick<Terminal, "out">,
): Promise<void> {
  const format = formatOf(options.output);
  if (given === undefined) {
    await answer(all, format, out, (rows) =>
      table(
        rows.map(({ code, meaning }) => [code, meaning]),
        out.columns,
      ),
    );
    return;
  }
  await answer(explanationOf(given), format, out, ({ code, meaning, package: from, title, try: hint }) => {
    const width = Math.min(out.columns || WIDTH, WIDTH);
    const more = coloured("gray", `${code}  ${from}`, out);
    const hints = wrapped(hint, width, "       ").trimStart();
    return `${coloured("bold", title, out)}  ${more}\n\n${wrapped(meaning, width, "  ")}\n\n  Try  ${hints}\n`;
  });
}

function explanationOf(given: string): Explanation {
  const asked = given.toUpperCase().replaceAll("-", "_");
  const code = asked.startsWith("INTERLOCK_") ? asked : `INTERLOCK_${asked}`;
  const found = all.find((one) => one.code === code);
  if (found !== undefined) return found;
  const similar = nearest(
    code,
    all.map((one) => one.code),
  );
  const meant = similar.length === 0 ? "" : `\n  Did you mean ${similar.join(" or ")}?`;
  throw new CliError("INTERLOCK_NO_SUCH_CODE", `No error has the code ${given}.${meant}`, { code: given, similar });
}

/** `INTERLOCK_CALL_TIMEOUT`: Call timeout. */
function titleOf(code: string): string {
  const words = code
    .replace(/^INTERLOCK_/, "")
    .toLowerCase()
    .replaceAll("_", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** At most three of `names` that are spelled alike, the nearest first. */
export function nearest(name: string, names: readonly string[]): readonly string[] {
  return names
    .map((one) => ({ one, away: distance(name, one) }))
    .filter(({ away }) => away <= NEAR)
    .sort((a, b) => a.away - b.away)
    .slice(0, 3)
    .map(({ one }) => one);
}

/** Of Levenshtein: how many letters have to be put in, taken out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [at, letter] of Array.from(a).entries()) {
    const next = [at + 1];
    for (const [to, other] of Array.from(b).entries())
      next.push(Math.min((next[to] ?? 0) + 1, (row[to + 1] ?? 0) + 1, (row[to] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
