/** What the memberships of two nodes say to each other, as plain values; what does not look like one is not heard. */
import type { NodeName } from "@interlock/core";
import { isNodeName } from "../node/node-name.ts";
import type { Member, MemberState } from "./view.ts";

/** A node's own state, which it alone tells. */
export type Standing = "waiting" | "joining" | "up" | "leaving" | "left";

/** A node presents itself: on every new connection, and when something of this has changed. */
export interface Greeting {
  readonly type: "greeting";
  /** The name that all nodes of a cluster are configured with. */
  readonly name: string;
  readonly node: NodeName;
  readonly incarnation: number;
  readonly state: Standing;
  readonly cluster: string | undefined;
  /** Whether it has not heard of the receiver on this connection. */
  readonly answer: boolean;
  /** Waiting: the nodes that its discovery finds. In a cluster: its live members. Undefined: as it said before. */
  readonly nodes: readonly NodeName[] | undefined;
  /** Waiting: what it agrees with, once that is stable. In a cluster: that of its view. */
  readonly digest: string | undefined;
}

export type Message =
  | Greeting
  /** The digest of its view has changed. */
  | { readonly type: "digest"; readonly node: NodeName; readonly digest: string }
  /** Its view is another one: what is in yours? */
  | { readonly type: "ask"; readonly node: NodeName }
  | { readonly type: "view"; readonly node: NodeName; readonly cluster: string; readonly members: readonly Member[] }
  /** It has heard that the receiver is in that state. */
  | { readonly type: "heard"; readonly node: NodeName; readonly state: Standing }
  /** The system of `ended` has answered it that nobody listens there: that life of the node is over. */
  | { readonly type: "ended"; readonly node: NodeName; readonly ended: NodeName; readonly incarnation: number };

const standings: ReadonlySet<unknown> = new Set<Standing>(["waiting", "joining", "up", "leaving", "left"]);
const memberStates: ReadonlySet<unknown> = new Set<MemberState>(["joining", "up", "leaving", "left", "down"]);

/** Undefined: not a message, or one of a later version. */
export function checkedMessage(value: unknown): Message | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const message = value as Partial<Record<string, unknown>>;
  if (!isNodeName(message["node"])) return undefined;
  return isKnown(message) ? (value as Message) : undefined;
}

function isKnown({
  answer,
  cluster,
  digest,
  ended,
  incarnation,
  members,
  name,
  nodes,
  state,
  type,
}: Partial<Record<string, unknown>>): boolean {
  switch (type) {
    case "greeting":
      return (
        typeof name === "string" &&
        typeof incarnation === "number" &&
        standings.has(state) &&
        typeof answer === "boolean" &&
        (typeof cluster === "string") === (state === "joining" || state === "up" || state === "leaving") &&
        isOptional(digest, isText) &&
        isOptional(nodes, (all) => Array.isArray(all) && all.every(isNodeName))
      );
    case "digest":
      return isText(digest);
    case "ask":
      return true;
    case "view":
      return isText(cluster) && Array.isArray(members) && members.every(isMember);
    case "heard":
      return standings.has(state);
    case "ended":
      return isNodeName(ended) && typeof incarnation === "number";
    default:
      return false;
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isOptional(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || is(value);
}

function isMember(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { incarnation, node, state } = value as Partial<Record<string, unknown>>;
  return isNodeName(node) && typeof incarnation === "number" && memberStates.has(state);
}
