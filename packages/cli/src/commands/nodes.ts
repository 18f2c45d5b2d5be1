/** `interlock nodes`: the nodes of an application, as each says of itself. */
import type { NodeFacts } from "@interlock/cluster";
import { coloured } from "../ui/colour.ts";
import { duration, megabytes, table } from "../ui/table.ts";
import type { Terminal } from "../ui/terminal.ts";
import { type AskOptions, askNodes } from "./asked.ts";

/** @returns the exit code: 3 when a node gave no answer. */
export function nodes(options: AskOptions, terminal: Terminal): Promise<number> {
  return askNodes<NodeFacts>(undefined, options, terminal, {
    ask: (client) => client.facts(),
    plain: (facts) => facts,
    drawn: (answers, out) => {
      const head = ["NODE", "STATE", "VERSION", "UP", "PROCESSES", "MEMORY", "CONNECTED", "NAME"];
      const rows = answers.map(({ node, value }) => [
        node.id,
        node.state ?? "up",
        value.applications.map(({ name, version }) => `${name} ${version}`).join(", "),
        duration(value.upMs),
        String(value.processes),
        megabytes(value.rss),
        String(value.connected.filter((name) => !name.startsWith("interlock-")).length),
        value.name,
      ]);
      return table([head.map((word) => coloured("gray", word, out)), ...rows], out.columns);
    },
  });
}
