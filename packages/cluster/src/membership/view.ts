/** What a node knows of its cluster at one moment, so that two nodes can compare what they know. */
import { createHash } from "node:crypto";
import type { NodeName } from "@interlock/core";

/**
 * `joining`: it is in the cluster and still making its connections; `up`; `leaving`: it has said that it goes and still
 * works; `left`: it has gone as it said; `down`: the connection to it was lost, or it crashed.
 */
export type MemberState = "joining" | "up" | "leaving" | "left" | "down";

export interface Member {
  readonly node: NodeName;
  /** Of this life of the node: its creation. */
  readonly incarnation: number;
  readonly state: MemberState;
}

export interface View {
  /** What the cluster is called; undefined while the node is in none. It changes when it meets one that was begun apart. */
  readonly cluster: string | undefined;
  /** By name, and those that have left or went down a short while ago. */
  readonly members: readonly Member[];
  /** Equal for equal clusters with equal live members. */
  readonly digest: string;
}

/** A node of which two views know different things. Undefined: it is not there. */
export interface Difference {
  readonly node: NodeName;
  readonly here: Member | undefined;
  readonly there: Member | undefined;
}

/** Whether it takes part: joining, up or leaving. */
export function isLive({ state }: Member): boolean {
  return state !== "left" && state !== "down";
}

export function viewOf(cluster: string | undefined, members: Iterable<Member>): View {
  const sorted = [...members].sort((a, b) => order(a.node, b.node));
  const lines = sorted.filter(isLive).map(({ incarnation, node, state }) => `${node} ${incarnation} ${state}`);
  return { cluster, members: sorted, digest: digestOf([cluster ?? "", ...lines]) };
}

/**
 * How two views differ in whom they count as taking part; nothing when they agree. Whether one that does not has left, is
 * down or was never heard of is no difference.
 *
 * @example
 * const a = { node: "a@10.0.0.1", incarnation: 1, state: "up" } as const;
 * const b = { node: "b@10.0.0.2", incarnation: 1, state: "up" } as const;
 * const here = { cluster: "a@10.0.0.1/1", members: [a, b], digest: "1" };
 * const there = { cluster: "a@10.0.0.1/1", members: [a], digest: "2" };
 * console.log(viewDifferences(here, there).map(({ node }) => node).join()); // b@10.0.0.2
 */
export function viewDifferences(here: View, there: View): readonly Difference[] {
  const mine = new Map(here.members.map((member) => [member.node, member]));
  const theirs = new Map(there.members.map((member) => [member.node, member]));
  const nodes = [...new Set([...mine.keys(), ...theirs.keys()])].sort(order);
  return nodes
    .map((node) => ({ node, here: mine.get(node), there: theirs.get(node) }))
    .filter((one) => here.cluster !== there.cluster || standing(one.here) !== standing(one.there));
}

function standing(member: Member | undefined): string {
  return member === undefined || !isLive(member) ? "" : `${member.incarnation} ${member.state}`;
}

/** The order of names: the same on every machine, whatever its language. */
export function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function digestOf(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("base64url").slice(0, 22);
}
