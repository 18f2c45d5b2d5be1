/** Colour, for streams that show it. `NO_COLOR` and `FORCE_COLOR` are obeyed; colour is never the only sign. */
import { styleText } from "node:util";
import type { TextStream } from "./terminal.ts";

export type Colour = "red" | "green" | "yellow" | "cyan" | "gray" | "bold";

export function coloured(colour: Colour, text: string, stream: TextStream): string {
  // What is no terminal gets colour only where it is forced.
  const isShown = stream.isTTY === true || !["", "0", undefined].includes(process.env["FORCE_COLOR"]);
  if (!isShown || (process.env["NO_COLOR"] && !process.env["FORCE_COLOR"])) return text;
  return styleText(colour, text, { validateStream: false });
}

export const signs = {
  good: (stream: TextStream): string => coloured("green", "✔", stream),
  bad: (stream: TextStream): string => coloured("red", "✖", stream),
  waiting: (stream: TextStream): string => coloured("yellow", "◌", stream),
  ending: (stream: TextStream): string => coloured("yellow", "⏸", stream),
} as const;
