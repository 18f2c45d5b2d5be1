/** `interlock tree`: the supervision trees of nodes. */
import type { TreeNode } from "@interlock/cluster";
import { coloured, signs } from "../ui/colour.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { type AskOptions, askNodes } from "./asked.ts";

/** @returns the exit code: 3 when a node gave no answer. */
export function tree(node: string | undefined, options: AskOptions, terminal: Terminal): Promise<number> {
  return askNodes<readonly TreeNode[]>(node, options, terminal, {
    ask: (client) => client.tree(),
    plain: (trees) => ({ trees }),
    drawn: (answers, out) =>
      answers.map(({ node: { id }, value }) => `${coloured("bold", id, out)}\n${drawnTrees(value, out)}`).join(""),
  });
}

export function drawnTrees(trees: readonly TreeNode[], out: TextStream): string {
  return branches(trees, 0, "", out)
    .map((line) => `${line}\n`)
    .join("");
}

function branches(nodes: readonly TreeNode[], hidden: number, indent: string, out: TextStream): readonly string[] {
  const lines = nodes.flatMap((node, at) => {
    const isLast = at === nodes.length - 1 && hidden === 0;
    const below = `${indent}${isLast ? "   " : "│  "}`;
    return [
      `${indent}${isLast ? "└─ " : "├─ "}${lineOf(node, out)}`,
      ...branches(node.children, node.hidden, below, out),
    ];
  });
  return hidden === 0 ? lines : [...lines, `${indent}└─ ${coloured("gray", `and ${hidden} more`, out)}`];
}

const down = new Set(["restarting", "stopped", "no answer"]);

function lineOf({ id, kind, mailbox, pid, status }: TreeNode, out: TextStream): string {
  const isDown = down.has(status);
  const name = kind === "worker" ? id : coloured("bold", id, out);
  const more = [
    ...(pid === undefined ? [] : [pid]),
    ...(isDown || kind !== "application" ? [status] : []),
    ...(mailbox === 0 ? [] : [`mailbox ${mailbox}`]),
  ];
  return `${isDown ? `${signs.bad(out)} ` : ""}${name}  ${coloured(isDown ? "red" : "gray", more.join("  "), out)}`.trimEnd();
}
