/** Tables and paragraphs that fit into the terminal. */
import { stripVTControlCharacters } from "node:util";

const GAP = "  ";

/** How many columns a text takes, without its colours. */
export function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/**
 * Rows in columns as wide as their widest cell; the last column is cut to what is left of the given width. Without one nothing is
 * cut: whoever reads is a program.
 */
export function table(rows: readonly (readonly string[])[], given?: number): string {
  // Some terminals say 0 when they do not know.
  const width = given || Number.POSITIVE_INFINITY;
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((row) => widthOf(row[at] ?? ""))));
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  const lines = rows.map((row) =>
    row
      .map((cell, at) =>
        at === columns - 1 ? cut(cell, width - before) : cell + " ".repeat((widths[at] ?? 0) - widthOf(cell)),
      )
      .join(GAP)
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return `${Array.from(stripVTControlCharacters(text))
    .slice(0, Math.max(0, width - 1))
    .join("")}…`;
}

/** The words of a text in lines of at most `width`, each behind `indent`. */
export function wrapped(text: string, width: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && widthOf(indent) + widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}${one}`).join("\n");
}

/** Since when, as a person would say it: `8 s`, `2 d`. */
export function age(sinceMs: number, nowMs: number): string {
  return duration(nowMs - sinceMs);
}

export function megabytes(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1_024)} KiB` : `${Math.round(bytes / 1_048_576)} MiB`;
}

export function duration(forMs: number): string {
  const seconds = Math.max(0, Math.round(forMs / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
