/**
 * Placement by rendezvous hashing (highest random weight): every member has a score for every key, and the best one has the
 * key. Pure: the members are given, and whoever is given the same members finds the same place, in whatever order they come.
 * A member that joins takes keys from all others in equal parts, one that leaves gives its own to all others; no other key moves.
 *
 * @see Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking, 1998
 */
import { InterlockError, type NodeName } from "@interlock/core";
import { fnv1a64, mix64 } from "./hash64.ts";

export interface PlacementMember {
  readonly node: NodeName;
  /** What may be started there: the `modules` of its `createNode`. */
  readonly modules: readonly { readonly name: string; readonly version?: string | undefined }[];
  /** Its share of the keys, in proportion to those of the others. Default 1; 0 takes none. */
  readonly weight?: number;
}

export interface PlacementRequest {
  readonly key: string;
  /** The module's name. */
  readonly module: string;
  /** Only on members that have this very version. Default: any. */
  readonly version?: string;
}

/**
 * The node for a key, among the members that advertise the module (and version); undefined if none does.
 *
 * @example
 * const members: PlacementMember[] = [
 *   { node: "a@10.0.0.1", modules: [{ name: "room", version: "1" }] },
 *   { node: "b@10.0.0.2", modules: [{ name: "room", version: "1" }, { name: "room", version: "2" }] },
 *   { node: "c@10.0.0.3", modules: [{ name: "mail", version: "1" }] },
 * ];
 * console.log(place({ key: "room:2", module: "room" }, members)); // a@10.0.0.1
 * console.log(place({ key: "room:2", module: "room", version: "2" }, members)); // b@10.0.0.2
 * console.log(place({ key: "room:2", module: "poll" }, members)); // undefined
 */
export function place(request: PlacementRequest, members: readonly PlacementMember[]): NodeName | undefined {
  let best: Scored | undefined;
  const key = fnv1a64(request.key);
  for (const member of members) {
    if (!takes(member, request)) continue;
    const scored = scoreOf(key, member);
    if (best === undefined || compare(scored, best) < 0) best = scored;
  }
  return best?.node;
}

/**
 * All nodes that may have the key, best first: the first is `place`'s, the next ones are where its copies go, or the key
 * itself once those before have left.
 */
export function placementOrder(request: PlacementRequest, members: readonly PlacementMember[]): readonly NodeName[] {
  const key = fnv1a64(request.key);
  return members
    .filter((member) => takes(member, request))
    .map((member) => scoreOf(key, member))
    .sort(compare)
    .map(({ node }) => node);
}

interface Scored {
  readonly node: NodeName;
  /** The less the better. */
  readonly score: number;
}

function takes(member: PlacementMember, { module, version }: PlacementRequest): boolean {
  const { weight = 1 } = member;
  if (typeof weight !== "number" || !(weight >= 0 && weight < Number.POSITIVE_INFINITY))
    throw new InterlockError(
      "INTERLOCK_BAD_ARGUMENT",
      `Bad argument: expected weight of ${member.node} to be a number, 0 or more, got ${String(weight)}`,
      { argument: `weight of ${member.node}`, got: String(weight), expected: "a number, 0 or more" },
    );
  if (weight === 0) return false;
  return member.modules.some((one) => one.name === module && (version === undefined || one.version === version));
}

/**
 * With u evenly spread over (0, 1), -ln(u)/weight is the time until the first event of a process of that rate: the chance to
 * be first among others is in proportion to the weight, and does not depend on who the others are. (V8 computes the
 * logarithm by itself, the same on all machines.)
 */
function scoreOf(key: { readonly high: number; readonly low: number }, member: PlacementMember): Scored {
  const { high, low } = fnv1a64(member.node);
  const mixed = mix64({ high: (high ^ key.high) >>> 0, low: (low ^ key.low) >>> 0 });
  // 52 bits, in the middle of their step: neither 0 nor 1 comes out.
  const uniform = (mixed.high * 2 ** 20 + (mixed.low >>> 12) + 0.5) / 2 ** 52;
  return { node: member.node, score: -Math.log(uniform) / (member.weight ?? 1) };
}

/** By name where scores are equal, so that the order of the members decides nothing. */
function compare(one: Scored, other: Scored): number {
  return one.score - other.score || (one.node < other.node ? -1 : one.node > other.node ? 1 : 0);
}
