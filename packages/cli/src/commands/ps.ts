/** `interlock ps`: the processes of nodes. */
import type { ProcessOrder, ProcessRows } from "@interlock/cluster";
import { badOption } from "../errors.ts";
import { coloured } from "../ui/colour.ts";
import { table } from "../ui/table.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { type AskOptions, askNodes } from "./asked.ts";

export interface PsOptions extends AskOptions {
  readonly sort: string;
  readonly limit: string;
}

const orders: readonly string[] = ["mailbox", "reductions", "age"] satisfies readonly ProcessOrder[];

/** @returns the exit code: 3 when a node gave no answer. */
export async function ps(node: string | undefined, options: PsOptions, terminal: Terminal): Promise<number> {
  const order = orderOf(options.sort);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw badOption("--limit", JSON.stringify(options.limit), "a whole number, 1 or more");
  return askNodes<ProcessRows>(node, options, terminal, {
    ask: (client) => client.ps(order, limit),
    plain: ({ count, rows }) => ({ count, processes: rows }),
    drawn: (answers, out) =>
      drawnRows(
        answers.map(({ node: { id }, value }) => ({ id, value })),
        out,
      ),
  });
}

export function orderOf(given: string): ProcessOrder {
  if (orders.includes(given)) return given as ProcessOrder;
  throw badOption("--sort", JSON.stringify(given), orders.join(", "));
}

/** As people read it: the busiest of all nodes together are not looked for, each node has its own. */
export function drawnRows(
  answers: readonly { readonly id: string; readonly value: ProcessRows }[],
  out: TextStream,
): string {
  const head = ["NODE", "PID", "NAME", "STATUS", "MAILBOX", "REDUCTIONS", "~BYTES", "HANDLES"];
  const rows = answers.flatMap(({ id, value }) =>
    value.rows.map((row) => [
      id,
      row.pid,
      row.name === undefined || row.name === row.label ? row.label : `${row.name} (${row.label})`,
      row.status,
      row.mailbox === 0 ? "0" : coloured("yellow", String(row.mailbox), out),
      String(row.reductions),
      String(row.memoryEstimate),
      row.handler ?? "",
    ]),
  );
  const left = answers
    .filter(({ value: { count, rows: shown } }) => count > shown.length)
    .map(({ id, value }) => `${id}: ${value.count - value.rows.length} more of ${value.count}\n`);
  const drawn = table([head.map((word) => coloured("gray", word, out)), ...rows], out.columns);
  return drawn + left.map((line) => coloured("gray", line, out)).join("");
}
