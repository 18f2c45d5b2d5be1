/** What a launcher says about its nodes: a line for each thing that a person would want to know. */
import type { Writable } from "node:stream";
import { styleText } from "node:util";
import type { NodeState, Platform, PlatformNode } from "./platform/platform.ts";

const SIGNS = {
  starting: ["◌", "yellow"],
  ready: ["✔", "green"],
  draining: ["⏸", "yellow"],
  stopped: ["•", "gray"],
  failed: ["✖", "red"],
} as const satisfies Record<NodeState, readonly [string, string]>;

const STATE_WIDTH = 8;

export function announceNodes(platform: Platform, to: Writable): void {
  const before = new Map<string, PlatformNode>();
  platform.watch((node) => {
    const last = before.get(node.id);
    before.set(node.id, node);
    // That a node starts is what was asked for, or what the line on its end has said.
    if (last?.state === node.state || node.state === "starting") return;
    to.write(`${lineOf(node, last, to)}\n`);
  });
}

export function announceUrl(platform: Platform, app: string, url: string, to: Writable): void {
  const nodes = platform.nodes();
  const count = nodes.filter(({ state }) => state === "ready").length;
  const all =
    count === nodes.length ? `${count} ${count === 1 ? "node" : "nodes"}` : `${count} of ${nodes.length} nodes`;
  const [sign, colour] = SIGNS[count > 0 ? "ready" : "failed"];
  to.write(`${styleText(colour, sign, { stream: to })} ${app}  ${all} at ${styleText("cyan", url, { stream: to })}\n`);
}

function lineOf(node: PlatformNode, last: PlatformNode | undefined, to: Writable): string {
  const { id, reason, since, state, url } = node;
  const [sign, colour] = SIGNS[state];
  const more = [
    ...(state === "ready" && last?.state === "starting" ? [`${((since - last.since) / 1_000).toFixed(1)} s`] : []),
    ...(state === "ready" && url !== undefined ? [url] : []),
    ...(state === "failed" && reason !== undefined ? [reason] : []),
  ];
  const words = [id, state.padEnd(STATE_WIDTH), ...more.map((text) => styleText("gray", text, { stream: to }))];
  return `${styleText(colour, sign, { stream: to })} ${words.join("  ")}`.trimEnd();
}
