/** Process groups: processes of all nodes under a name, as Erlang's pg has them. @see pg(3) */
import { InterlockError, type LocalNode, type Pid, type Ref, send } from "@interlock/core";
import { currentNode, LocalPid, RemotePid } from "@interlock/core/distribution";
import { GroupName } from "./group-name.ts";
import type { GroupEvent } from "./monitors.ts";
import { type Scope, scopeOn } from "./scope.ts";

export interface GroupOptions {
  /** Groups of different scopes know nothing of each other. Default `pg`, Erlang's own. */
  readonly scope?: string;
  /** On which node of this program. Default: that of the process that calls, and the default node outside any. */
  readonly node?: LocalNode;
}

export interface GroupMonitor<in M> {
  /** In the events of this monitor. */
  readonly ref: Ref;
  /** Who was in the group when the monitor began. */
  readonly members: readonly Pid<M>[];
  /** Ends the monitor; an event that is already in the mailbox stays there. @returns whether it was still there. */
  demonitor(): boolean;
}

export interface Group<in out M> {
  readonly name: unknown;
  /**
   * Makes processes of this node members. One that joins twice is a member twice, until it has left twice or ended; one
   * that has ended already does not join.
   *
   * **Errors** `INTERLOCK_BAD_ARGUMENT` for a process of another node. @see pg:join/3
   */
  join(pids: Pid<M> | readonly Pid<M>[]): void;
  /** @returns whether any of them was a member. @see pg:leave/3 */
  leave(pids: Pid<M> | readonly Pid<M>[]): boolean;
  /** Those of all connected nodes, as far as this one has heard of them. @see pg:get_members/2 */
  members(): readonly Pid<M>[];
  /** Those of this node. @see pg:get_local_members/2 */
  localMembers(): readonly Pid<M>[];
  /** Sends to every member, once for each time it has joined. */
  broadcast(message: M): void;
  /** Has `pid`, of this node, told of who joins and leaves from now on. @see pg:monitor/2 */
  monitor(pid: Pid<GroupEvent<M>>): GroupMonitor<M>;
}

const DEFAULT_SCOPE = "pg";

/**
 * The group of that name: a string, an atom, any Erlang term. Erlang's nodes see the same group: `"rooms"` is
 * `<<"rooms">>` there. It exists while it has members, and its scope is started when first used; until then the members
 * of other nodes are not heard of.
 *
 * **Errors** `INTERLOCK_WIRE_UNENCODABLE` for a name that is no Erlang term; of its methods `INTERLOCK_NAME_TAKEN` when a
 * process is registered under the scope's name.
 *
 * @see pg(3)
 *
 * @example
 * const rooms = group<string>("rooms");
 * const room = spawn<string>(async (self) => {
 *   console.log(await self.receive()); // the doors open
 * });
 * rooms.join(room);
 * rooms.broadcast("the doors open");
 * await monitor(room);
 * console.log(rooms.members()); // []
 */
export function group<M>(name: unknown, options: GroupOptions = {}): Group<M> {
  return new NamedGroup<M>(name, options);
}

/** Every group of the scope that has a member on any connected node. @see pg:which_groups/1 */
export function whichGroups(options: GroupOptions = {}): readonly unknown[] {
  return scopeOf(options).names.map(({ value }) => value);
}

export interface ScopeMonitor {
  /** In the events of this monitor. */
  readonly ref: Ref;
  /** The groups that there were when the monitor began, and their members. */
  readonly groups: readonly { readonly group: unknown; readonly members: readonly Pid[] }[];
  /** Ends the monitor; an event that is already in the mailbox stays there. @returns whether it was still there. */
  demonitor(): boolean;
}

/**
 * Has `pid`, of this node, told of who joins and leaves any group of the scope from now on.
 *
 * **Errors** `INTERLOCK_BAD_ARGUMENT` for a process of another node.
 *
 * @see pg:monitor_scope/1
 *
 * @example
 * const doorkeeper = spawn<GroupEvent>(async (self) => {
 *   const { group, change } = await self.receive();
 *   console.log(group, change); // halls join
 * });
 * monitorScope(doorkeeper);
 * group("halls").join(spawn(() => undefined));
 * await monitor(doorkeeper);
 */
export function monitorScope(pid: Pid<GroupEvent>, options: GroupOptions = {}): ScopeMonitor {
  const node = nodeOf([pid], options);
  const scope = scopeOn(node, options.scope ?? DEFAULT_SCOPE);
  const groups = scope.names.map((name) => ({ group: name.value, members: scope.members(name) as readonly Pid[] }));
  const { ref, end } = scope.monitors.add(undefined, pid as unknown as LocalPid);
  return { ref, groups, demonitor: end };
}

class NamedGroup<M> implements Group<M> {
  readonly name: unknown;
  readonly #key: GroupName;
  readonly #options: GroupOptions;

  constructor(name: unknown, options: GroupOptions) {
    this.name = name;
    this.#key = new GroupName(name);
    this.#options = options;
  }

  join(pids: Pid<M> | readonly Pid<M>[]): void {
    const [scope, members] = this.#own(pids);
    scope.join(this.#key, members);
  }

  leave(pids: Pid<M> | readonly Pid<M>[]): boolean {
    const [scope, members] = this.#own(pids);
    return scope.leave(this.#key, members);
  }

  members(): readonly Pid<M>[] {
    return scopeOf(this.#options).members(this.#key) as readonly LocalPid<M>[];
  }

  localMembers(): readonly Pid<M>[] {
    return scopeOf(this.#options).localMembers(this.#key) as readonly LocalPid<M>[];
  }

  broadcast(message: M): void {
    for (const pid of this.members()) send(pid, message);
  }

  monitor(pid: Pid<GroupEvent<M>>): GroupMonitor<M> {
    const [scope, [watcher]] = this.#own(pid);
    const { ref, end } = scope.monitors.add(this.#key, watcher as LocalPid);
    return { ref, members: scope.members(this.#key) as readonly LocalPid<M>[], demonitor: end };
  }

  /** Processes of one node of this program, and its scope. */
  #own(pids: Pid | readonly Pid[]): [Scope, readonly LocalPid[]] {
    const all = (Array.isArray(pids) ? pids : [pids]) as readonly LocalPid[];
    return [scopeOn(nodeOf(all, this.#options), this.#options.scope ?? DEFAULT_SCOPE), all];
  }
}

/** The one node of this program whose processes all of these are. */
function nodeOf(pids: readonly unknown[], options: GroupOptions): LocalNode {
  const [first] = pids;
  const node = options.node ?? (first instanceof LocalPid ? (first.home as LocalNode) : currentNode());
  for (const pid of pids)
    if (!(pid instanceof LocalPid) || pid instanceof RemotePid || pid.home !== node) throw notOfNode(pid, node);
  return node;
}

function scopeOf({ node, scope }: GroupOptions): Scope {
  return scopeOn(node ?? currentNode(), scope ?? DEFAULT_SCOPE);
}

function notOfNode(got: unknown, { name }: LocalNode): InterlockError<"INTERLOCK_BAD_ARGUMENT"> {
  const expected = `a process of ${name}`;
  return new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad argument: expected ${expected}, got ${String(got)}`, {
    argument: "pid",
    got: String(got),
    expected,
  });
}
