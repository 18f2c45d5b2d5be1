/**
 * Whether a node that is in no cluster joins one, begins one, or waits: a function of what it has seen. After the bootstrap
 * of Pekko management, with one more rule, so that two clusters cannot come of one set of nodes.
 *
 * Candidates are the nodes that discovery finds; contacts those of them that have answered. A node begins a cluster only if
 *
 * 1. nobody that it is connected to is in one, candidate or not: a cluster is joined, never rivalled;
 * 2. discovery can tell, all of it, and finds this node too: what nobody finds begins nothing;
 * 3. enough contacts are there, and more than half of the candidates: others that cannot be reached cannot be as many;
 * 4. its contacts and candidates have been the same for the stable margin, and every contact says the same of its own:
 *    the same candidates, the same contacts, unchanged for as long;
 * 5. it is the lowest of them by name.
 *
 * A contact that agreed with one node must have changed its mind, and waited for the margin again, before it agrees with
 * another; until then it has heard of the first one's cluster, if messages take less than half the margin.
 *
 * @see https://pekko.apache.org/docs/pekko-management/current/bootstrap/details.html
 */
import type { NodeName } from "@interlock/core";
import { order } from "./view.ts";

export interface BootstrapRules {
  /** Contacts, this node among them, without which no cluster is begun. */
  readonly requiredContactPoints: number;
  readonly stableMarginMs: number;
  /** False: this node only joins. */
  readonly newClusterEnabled: boolean;
}

/** What a candidate says of itself. */
export interface Contact {
  /** Which candidates and contacts it has itself, as a digest; undefined while they change. */
  readonly agreement: string | undefined;
}

export interface Observed {
  readonly self: NodeName;
  /** Of each node in a cluster that this one is connected to: which one. */
  readonly clusters: readonly string[];
  /** All candidates; undefined: it has not answered. This node is among them if discovery finds it. */
  readonly candidates: ReadonlyMap<NodeName, Contact | undefined>;
  /** Whether no strategy fails. */
  readonly complete: boolean;
  /** This node's own candidates and contacts, and since when they are these. */
  readonly agreement: string;
  readonly stableSinceMs: number;
}

export type Action =
  | { readonly type: "wait"; readonly reason: string }
  | { readonly type: "join"; readonly cluster: string }
  | { readonly type: "form" };

export function plan(observed: Observed, rules: BootstrapRules, nowMs: number): Action {
  const { agreement, candidates, clusters, complete, self, stableSinceMs } = observed;
  const cluster = greatest(clusters);
  if (cluster !== undefined) return { type: "join", cluster };
  const contacts = [...candidates].flatMap(([node, contact]) => (contact === undefined ? [] : [{ node, ...contact }]));
  if (!rules.newClusterEnabled) return wait("no cluster is found, and this node may not begin one");
  if (!complete) return wait("discovery fails");
  if (!candidates.has(self)) return wait("discovery does not find this node itself, so it may not begin a cluster");
  if (contacts.length < rules.requiredContactPoints)
    return wait(`${contacts.length} of ${rules.requiredContactPoints} required contact points answer`);
  const silent = [...candidates].filter(([, contact]) => contact === undefined).map(([node]) => node);
  if (contacts.length <= silent.length)
    return wait(`no majority of the nodes found: ${silent.join(", ")} do not answer`);
  if (nowMs - stableSinceMs < rules.stableMarginMs)
    return wait("the nodes found have not been the same for long enough");
  const differing = contacts.filter((contact) => contact.node !== self && contact.agreement !== agreement);
  if (differing.length > 0)
    return wait(`${differing.map(({ node }) => node).join(", ")} see other nodes than this one, or do so only now`);
  const lowest = contacts.map(({ node }) => node).sort(order)[0];
  return lowest === self ? { type: "form" } : wait(`${lowest} is to begin the cluster`);
}

/** The cluster that most nodes are in; of equal ones the lowest by name, so that all choose the same. */
function greatest(clusters: readonly string[]): string | undefined {
  const sizes = new Map<string, number>();
  for (const cluster of clusters) sizes.set(cluster, (sizes.get(cluster) ?? 0) + 1);
  return [...sizes].sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || order(a, b))[0]?.[0];
}

function wait(reason: string): Action {
  return { type: "wait", reason };
}
