/** The hosts that a host knows, itself among them, and which of them has a key. Pure. */
import type { NodeName } from "@interlock/core";
import type { HostInfo } from "./messages.ts";
import { type PlacementMember, placementOrder } from "./rendezvous.ts";

export class Hosts<P> {
  readonly #placement: string;
  readonly #self: P;
  readonly #infos = new Map<P, HostInfo>();

  constructor(placement: string, self: P, info: HostInfo) {
    this.#placement = placement;
    this.#self = self;
    this.#infos.set(self, info);
  }

  get own(): HostInfo {
    return this.#infos.get(this.#self) as HostInfo;
  }

  get others(): readonly P[] {
    return [...this.#infos.keys()].filter((host) => host !== this.#self);
  }

  get infos(): readonly HostInfo[] {
    return [...this.#infos.values()];
  }

  has(host: P): boolean {
    return this.#infos.has(host);
  }

  on(node: NodeName): P | undefined {
    for (const [host, info] of this.#infos) if (info.node === node && host !== this.#self) return host;
    return undefined;
  }

  add(host: P, info: HostInfo): void {
    this.#infos.set(host, info);
  }

  remove(host: P): boolean {
    return this.#infos.delete(host);
  }

  is(host: P, change: Partial<Pick<HostInfo, "leaving" | "ready">>): void {
    const info = this.#infos.get(host);
    if (info !== undefined) this.#infos.set(host, { ...info, ...change });
  }

  /** Who starts `key`: the same for all that know the same hosts. */
  owner(key: string): P | undefined {
    return this.#order(key, (info) => !info.leaving)[0];
  }

  /** Who may take `key` over from here: the newest release first, and among its hosts as the owner is found. */
  heirs(key: string, tried: ReadonlySet<P>): readonly P[] {
    const order = this.#order(
      key,
      (info, host) => info.ready && !info.leaving && host !== this.#self && !tried.has(host),
    );
    return order.sort((one, other) => compareVersions(this.#versionOf(other), this.#versionOf(one)));
  }

  /** Whether a host that takes no key yet will do so. */
  get someWillBeReady(): boolean {
    return this.infos.some(({ hosts, leaving, ready }) => hosts && !leaving && !ready);
  }

  /** Of two that hold `key`, whether it is `one` that stays. */
  staysAgainst(one: P, other: P, key: string): boolean {
    return this.#order(key, (_info, host) => host === one || host === other)[0] === one;
  }

  #versionOf(host: P): string {
    return this.#infos.get(host)?.version ?? "";
  }

  #order(key: string, counts: (info: HostInfo, host: P) => boolean): P[] {
    const byNode = new Map<NodeName, P>();
    const members: PlacementMember[] = [];
    for (const [host, info] of this.#infos) {
      if (!info.hosts || !counts(info, host)) continue;
      byNode.set(info.node, host);
      members.push({ node: info.node, modules: [{ name: this.#placement }] });
    }
    const request = { key: `${this.#placement}/${key}`, module: this.#placement };
    return placementOrder(request, members).map((node) => byNode.get(node) as P);
  }
}

/** By their numbers from left to right: 1.10 comes after 1.9. What is no number is compared as text. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((version) => version.split(/[.+-]/));
  for (let at = 0; at < Math.max(left?.length ?? 0, right?.length ?? 0); at++) {
    const [a = "", b = ""] = [left?.[at], right?.[at]];
    if (a === b) continue;
    const difference = Number(a) - Number(b);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
    return a < b ? -1 : 1;
  }
  return 0;
}
