/** What the commands that ask nodes have in common: which nodes, and how their answers and silences are shown. */
import { type Answered, askAll, besideThem, type NodeClient } from "../reach/asking.ts";
import { findNodes, nodeNamed, type ReachOptions } from "../reach/find.ts";
import { coloured, signs } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { exitCodes } from "./exit-code.ts";

export interface AskOptions extends ReachOptions {
  readonly output?: string;
}

interface Asked<T> {
  readonly ask: (client: NodeClient) => Promise<T>;
  /** What programs get of a node. */
  readonly plain: (value: T) => object;
  /** What people get of all that have answered. */
  readonly drawn: (answers: readonly (Answered<T> & { readonly value: T })[], out: TextStream) => string;
}

/** @returns the exit code: 3 when a node gave no answer. **Errors** `INTERLOCK_NO_SUCH_NODE`, and those of `findNodes`. */
export async function askNodes<T>(
  wanted: string | undefined,
  options: AskOptions,
  terminal: Terminal,
  { ask, drawn, plain }: Asked<T>,
): Promise<number> {
  const format = formatOf(options.output);
  const { out, talk } = terminal;
  const reach = await findNodes(options, terminal);
  const answers = await besideThem(reach, (node) =>
    askAll(node, reach, wanted === undefined ? reach.nodes : [nodeNamed(reach, wanted)], ask),
  );
  const silent = answers.filter((one) => "problem" in one);
  const good = answers.filter((one) => "value" in one);
  const rows = answers.map((one) => ({
    node: one.node.id,
    name: one.node.name,
    ...("value" in one ? plain(one.value) : { problem: one.problem }),
  }));
  if (format === "table") talk.write(`${coloured("gray", reach.where, talk)}\n`);
  await answer(rows, format, out, () => drawn(good, out));
  if (format === "table")
    for (const { node, problem } of silent) talk.write(`${signs.bad(talk)} ${node.id}: ${problem}\n`);
  return silent.length === 0 ? exitCodes.ok : exitCodes.degraded;
}
