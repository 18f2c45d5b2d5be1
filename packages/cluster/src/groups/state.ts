/**
 * What one scope of process groups knows, and what follows from each thing it hears of: pg's rules, without a process, a
 * clock or a wire. Groups of this node's own members are announced to all peers; a peer is the same scope on another node,
 * and speaks for its own members only. Effects are to be carried out in order, after the state has changed.
 *
 * A group without members does not exist, and costs nothing.
 *
 * @see https://www.erlang.org/doc/apps/kernel/pg
 */
import { Bag } from "./bag.ts";
import type { GroupName } from "./group-name.ts";

/** What scopes tell each other. */
export type ScopeMessage<P> =
  | { readonly type: "discover" }
  | { readonly type: "sync"; readonly groups: readonly (readonly [GroupName, readonly P[]])[] }
  | { readonly type: "join"; readonly group: GroupName; readonly pids: readonly P[] }
  | { readonly type: "leave"; readonly groups: readonly GroupName[]; readonly pids: readonly P[] };

export type GroupEffect<P> =
  /** Send it to these peers. */
  | { readonly type: "tell"; readonly peers: readonly P[]; readonly message: ScopeMessage<P> }
  /** From now on `peerEnded` is to be called when the peer ends, or cannot be reached. */
  | { readonly type: "monitor"; readonly peer: P }
  /** From now on, or no longer, `localEnded` is to be called when the process ends. */
  | { readonly type: "watch" | "unwatch"; readonly pid: P }
  | { readonly type: "changed"; readonly change: Change; readonly group: GroupName; readonly pids: readonly P[] };

export type Change = "join" | "leave";

class Group<P> {
  readonly name: GroupName;
  readonly local = new Bag<P>();
  /** Members of other nodes, by the peer that spoke of them. */
  readonly remote: Map<P, Bag<P>> = new Map();
  // What readers are given, until the next change.
  #members: readonly P[] | undefined;
  #localMembers: readonly P[] | undefined;

  constructor(name: GroupName) {
    this.name = name;
  }

  get members(): readonly P[] {
    this.#members ??= [this.local, ...this.remote.values()].flatMap((bag) => bag.values);
    return this.#members;
  }

  get localMembers(): readonly P[] {
    this.#localMembers ??= this.local.values;
    return this.#localMembers;
  }

  get empty(): boolean {
    return this.local.size === 0 && this.remote.size === 0;
  }

  changed(): void {
    this.#members = this.#localMembers = undefined;
  }
}

const NOBODY: readonly never[] = [];

export class GroupState<P> {
  readonly #groups = new Map<string, Group<P>>();
  /** Of each member on this node its groups. */
  readonly #local = new Map<P, Bag<Group<P>>>();
  /** Of each peer the groups in which it has members. */
  readonly #peers = new Map<P, Set<Group<P>>>();

  members(group: GroupName): readonly P[] {
    return this.#groups.get(group.key)?.members ?? NOBODY;
  }

  localMembers(group: GroupName): readonly P[] {
    return this.#groups.get(group.key)?.localMembers ?? NOBODY;
  }

  /** Every group that has a member. */
  get names(): readonly GroupName[] {
    return [...this.#groups.values()].map(({ name }) => name);
  }

  get peers(): readonly P[] {
    return [...this.#peers.keys()];
  }

  // This node's own members

  joinLocal(name: GroupName, pids: readonly P[]): GroupEffect<P>[] {
    if (pids.length === 0) return [];
    const group = this.#group(name);
    const effects: GroupEffect<P>[] = [];
    for (const pid of pids) {
      group.local.add(pid);
      let groups = this.#local.get(pid);
      if (groups === undefined) {
        groups = new Bag();
        this.#local.set(pid, groups);
        effects.push({ type: "watch", pid });
      }
      groups.add(group);
    }
    group.changed();
    effects.push(...this.#tell({ type: "join", group: group.name, pids }), joined(group, pids));
    return effects;
  }

  /** No effects: none of them was a member. */
  leaveLocal(name: GroupName, pids: readonly P[]): GroupEffect<P>[] {
    const group = this.#groups.get(name.key);
    const gone = group?.local.removeAll(pids) ?? [];
    if (group === undefined || gone.length === 0) return [];
    const effects = [...this.#tell({ type: "leave", groups: [group.name], pids: gone }), left(group, gone)];
    for (const pid of gone) {
      const groups = this.#local.get(pid) as Bag<Group<P>>;
      groups.remove(group);
      if (groups.size > 0) continue;
      this.#local.delete(pid);
      effects.push({ type: "unwatch", pid });
    }
    this.#settle(group);
    return effects;
  }

  /** A member of this node has ended. */
  localEnded(pid: P): GroupEffect<P>[] {
    const groups = this.#local.get(pid);
    if (groups === undefined) return [];
    this.#local.delete(pid);
    // OTP: a group that was joined twice is named twice.
    const names = groups.values.map(({ name }) => name);
    const effects = this.#tell({ type: "leave", groups: names, pids: [pid] });
    for (const group of new Set(groups.values)) {
      effects.push(left(group, new Array<P>(group.local.take(pid)).fill(pid)));
      this.#settle(group);
    }
    return effects;
  }

  // Peers

  received(from: P, message: ScopeMessage<P>): GroupEffect<P>[] {
    switch (message.type) {
      case "discover":
        return this.#discovered(from);
      case "sync":
        return this.#sync(from, message.groups);
      case "join":
        return this.#joined(from, message.group, message.pids);
      case "leave":
        return message.groups.flatMap((name) => this.#left(from, name, message.pids));
    }
  }

  /** The peer has ended, or cannot be reached any more: nobody speaks for its members. */
  peerEnded(peer: P): GroupEffect<P>[] {
    const groups = this.#peers.get(peer);
    if (groups === undefined) return [];
    this.#peers.delete(peer);
    return [...groups].map((group) => {
      const gone = (group.remote.get(peer) as Bag<P>).values;
      group.remote.delete(peer);
      this.#settle(group);
      return left(group, gone);
    });
  }

  #discovered(from: P): GroupEffect<P>[] {
    const groups = [...this.#groups.values()].filter(({ local }) => local.size > 0);
    const all = groups.map(({ name, localMembers }) => [name, localMembers] as const);
    const sync: GroupEffect<P> = { type: "tell", peers: [from], message: { type: "sync", groups: all } };
    if (this.#peers.has(from)) return [sync];
    return [sync, this.#meet(from), { type: "tell", peers: [from], message: { type: "discover" } }];
  }

  #meet(peer: P): GroupEffect<P> {
    this.#peers.set(peer, new Set());
    return { type: "monitor", peer };
  }

  /** All that the peer has, whatever it said before. */
  #sync(from: P, groups: readonly (readonly [GroupName, readonly P[]])[]): GroupEffect<P>[] {
    const effects = this.#peers.has(from) ? [] : [this.#meet(from)];
    const gone = new Set(this.#peers.get(from));
    for (const [name, pids] of groups) {
      const before = new Bag<P>();
      const group = this.#groups.get(name.key);
      for (const pid of group?.remote.get(from)?.values ?? NOBODY) before.add(pid);
      if (group !== undefined) gone.delete(group);
      const fresh = pids.filter((pid) => !before.remove(pid));
      effects.push(...this.#left(from, name, before.values), ...this.#joined(from, name, fresh));
    }
    for (const group of gone) effects.push(...this.#left(from, group.name, group.remote.get(from)?.values ?? NOBODY));
    return effects;
  }

  #joined(from: P, name: GroupName, pids: readonly P[]): GroupEffect<P>[] {
    const theirs = this.#peers.get(from);
    // OTP: of a peer that is unknown, or not known any more, nothing counts before its sync.
    if (theirs === undefined || pids.length === 0) return [];
    const group = this.#group(name);
    let bag = group.remote.get(from);
    if (bag === undefined) {
      bag = new Bag();
      group.remote.set(from, bag);
    }
    for (const pid of pids) bag.add(pid);
    theirs.add(group);
    group.changed();
    return [joined(group, pids)];
  }

  #left(from: P, name: GroupName, pids: readonly P[]): GroupEffect<P>[] {
    const group = this.#groups.get(name.key);
    const bag = group?.remote.get(from);
    const gone = bag?.removeAll(pids) ?? [];
    if (group === undefined || bag === undefined || gone.length === 0) return [];
    if (bag.size === 0) {
      group.remote.delete(from);
      this.#peers.get(from)?.delete(group);
    }
    this.#settle(group);
    return [left(group, gone)];
  }

  #tell(message: ScopeMessage<P>): GroupEffect<P>[] {
    return this.#peers.size === 0 ? [] : [{ type: "tell", peers: this.peers, message }];
  }

  #group(name: GroupName): Group<P> {
    const known = this.#groups.get(name.key);
    if (known !== undefined) return known;
    const made = new Group<P>(name);
    this.#groups.set(name.key, made);
    return made;
  }

  #settle(group: Group<P>): void {
    group.changed();
    if (group.empty) this.#groups.delete(group.name.key);
  }
}

function joined<P>({ name }: Group<P>, pids: readonly P[]): GroupEffect<P> {
  return { type: "changed", change: "join", group: name, pids };
}

function left<P>({ name }: Group<P>, pids: readonly P[]): GroupEffect<P> {
  return { type: "changed", change: "leave", group: name, pids };
}
