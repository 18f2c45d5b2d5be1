/** `-o`: the same answer for people and for programs. */
import { badOption } from "../errors.ts";
import type { TextStream } from "./terminal.ts";

const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** **Errors** `INTERLOCK_LAUNCH_OPTION`. */
export function formatOf(given: string | undefined): Format {
  const format = given ?? "table";
  if ((formats as readonly string[]).includes(format)) return format as Format;
  throw badOption("--output", JSON.stringify(format), formats.join(", "));
}

/** Writes an answer: `people` draws it as a table, the other formats write the value itself. */
export async function answer<T>(
  value: T,
  format: Format,
  out: TextStream,
  people: (value: T) => string,
): Promise<void> {
  if (format === "json") out.write(`${JSON.stringify(value, undefined, 2)}\n`);
  else if (format === "yaml") {
    const { stringify } = await import("yaml");
    out.write(stringify(value, { lineWidth: 0 }));
  } else out.write(people(value));
}
