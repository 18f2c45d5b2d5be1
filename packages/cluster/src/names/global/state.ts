/**
 * What a node's global name server knows and decides, without the process, the connections and the locker. What happens goes
 * in by `handle`; the effects that come out are to be carried out in order.
 *
 * Two nodes that connect introduce themselves (init_connect), their lockers lock both partitions, the names are exchanged, the
 * conflicts settled by the node whose name is less (resolved), and each tells its own partition (new_nodes), whose nodes then
 * connect to each other (in_sync). A name is registered under the same lock, so that no two partitions that know of each other
 * give it twice.
 *
 * @see https://github.com/erlang/otp/blob/master/lib/kernel/src/global.erl
 */
import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import type { GroupName as Term } from "../../groups/group-name.ts";
import { ConnectionLosses } from "./connection-losses.ts";
import type { LockId, LockTable } from "./locks.ts";
import { externalTerm, type GlobalMessage, type NameOperation, type Tag, type Versions } from "./messages.ts";
import type { GlobalEntry, NameTable } from "./name-table.ts";
import { GlobalRecords } from "./records.ts";
import type { GlobalRequest } from "./requests.ts";
import { nodeAtom } from "./terms.ts";

/** The version of the protocol that this node speaks, and the least that it understands. */
export const VERSION = 8;
const LEAST_VERSION = 7;
/** From this version on nodes confirm which attempt to connect they are in. */
const CONFIRMING_VERSION = 8;

type Message<T extends GlobalMessage["type"]> = Extract<GlobalMessage, { readonly type: T }>;

/** Who has sent a request: locks are given to that process. */
export interface Caller {
  readonly pid: LocalPid;
  /** As the answer needs it. */
  readonly tag: unknown;
}

/** Two processes that have one name. */
export interface Conflict {
  readonly ours: GlobalEntry;
  readonly theirs: GlobalEntry;
}

/** Whose process keeps the name. `unknown`: the method could not be run. */
export type Outcome = "ours" | "theirs" | "none" | "unknown";

export type LockerMessage =
  | {
      readonly type: "his_locker";
      readonly node: NodeName;
      readonly locker: LocalPid;
      readonly version: number;
      readonly hisTag: Tag;
      readonly myTag: Tag;
    }
  /** The names are exchanged, or will not be. `announce` comes before the lock is given back. */
  | {
      readonly type: "cancel";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly announce: readonly GlobalEffect[];
    }
  | Message<"lock_set">;

export type GlobalEvent =
  | { readonly type: "nodeup" | "nodedown"; readonly node: NodeName }
  | { readonly type: "message"; readonly message: GlobalMessage; readonly nowMs: number }
  | { readonly type: "request"; readonly request: GlobalRequest; readonly caller: Caller }
  /** A process that was to be watched. */
  | { readonly type: "ended"; readonly pid: LocalPid }
  /** What came of an effect `connect`. */
  | { readonly type: "connected" | "unreachable"; readonly node: NodeName }
  /** The locker has locked both partitions. */
  | { readonly type: "locked"; readonly node: NodeName; readonly tag: Tag; readonly lock: LockId }
  | {
      readonly type: "resolved";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly conflicts: readonly Conflict[];
      readonly outcomes: readonly Outcome[];
    }
  /** What processes of this node had before it met any other. */
  | { readonly type: "adopt"; readonly entries: readonly GlobalEntry[] };

export type GlobalEffect =
  /** Over the connection that there is, if there is one. */
  | { readonly type: "tell"; readonly node: NodeName; readonly message: GlobalMessage }
  /** `value` is a term. */
  | { readonly type: "reply"; readonly caller: Caller; readonly value: unknown }
  | { readonly type: "watch" | "unwatch"; readonly pid: LocalPid }
  | { readonly type: "connect" | "disconnect"; readonly node: NodeName }
  | { readonly type: "locker"; readonly message: LockerMessage }
  | {
      readonly type: "resolve";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly conflicts: readonly Conflict[];
    }
  | { readonly type: "warn"; readonly text: string };

/** An attempt to connect with a node, from its nodeup until the names are exchanged. */
interface Attempt {
  readonly tag: Tag;
  /** What the other side has introduced itself with. */
  theirs: Message<"init_connect"> | undefined;
  /** Under which both partitions are locked. */
  lock: LockId | undefined;
  names: readonly GlobalEntry[] | undefined;
  /** What is to be done here, as far as there is no conflict; then in all. */
  operations: readonly NameOperation[] | undefined;
  agreed: readonly NameOperation[] | undefined;
  resolved: Message<"resolved"> | undefined;
}

interface Waiting {
  readonly caller: Caller;
  readonly nodes: Set<NodeName>;
}

export interface GlobalStateOptions {
  readonly self: () => NodeName;
  /** The process that holds locks for connecting. */
  readonly locker: () => LocalPid;
  /** Whether nodes that have lost one another are parted from all, as OTP does by default. */
  readonly preventOverlappingPartitions: boolean;
  /** Of this node's life; another one in each. */
  readonly creation: Tag;
}

export class GlobalState {
  readonly #records: GlobalRecords = new GlobalRecords((type, pid) => void this.#out.push({ type, pid }));
  readonly #self: () => NodeName;
  readonly #locker: () => LocalPid;
  readonly #creation: Tag;
  readonly #prevents: boolean;
  readonly #up = new Set<NodeName>();
  /** The nodes of this partition, and their versions. */
  readonly #known = new Map<NodeName, number>();
  readonly #synced = new Set<NodeName>();
  readonly #attempts = new Map<NodeName, Attempt>();
  /** Introductions that came before the nodeup. */
  readonly #early = new Map<NodeName, Message<"init_connect">>();
  /** Nodes that are being parted with: their nodedown is nobody else's business. */
  readonly #parting = new Set<NodeName>();
  readonly #losses = new ConnectionLosses();
  readonly #waiting = new Set<Waiting>();
  #lastTag = 0;
  #lastLoss = 0;
  #out: GlobalEffect[] = [];

  constructor({ creation, locker, preventOverlappingPartitions, self }: GlobalStateOptions) {
    this.#self = self;
    this.#locker = locker;
    this.#creation = creation;
    this.#prevents = preventOverlappingPartitions;
  }

  get self(): NodeName {
    return this.#self();
  }

  get names(): NameTable {
    return this.#records.names;
  }

  get locks(): LockTable {
    return this.#records.locks;
  }

  /** Who has the name; nobody if that was a process of this node that has ended. */
  whereis(name: Term): LocalPid | undefined {
    const pid = this.names.get(name)?.pid;
    return pid instanceof RemotePid || pid?.process !== undefined ? pid : undefined;
  }

  get known(): readonly NodeName[] {
    return [...this.#known.keys()];
  }

  get synced(): readonly NodeName[] {
    return [...this.#synced];
  }

  get up(): readonly NodeName[] {
    return [...this.#up];
  }

  handle(event: GlobalEvent): readonly GlobalEffect[] {
    this.#handle(event);
    const effects = this.#out;
    this.#out = [];
    return effects;
  }

  #handle(event: GlobalEvent): void {
    switch (event.type) {
      case "nodeup":
        this.#up.add(event.node);
        return this.#begin(event.node);
      case "nodedown":
        this.#up.delete(event.node);
        return this.#lost(event.node);
      case "message":
        return this.#received(event.message, event.nowMs);
      case "request":
        return this.#requested(event.request, event.caller);
      case "ended":
        return this.#records.ended(event.pid);
      case "connected":
        return this.#tell(event.node, { type: "in_sync", node: this.#self() });
      case "unreachable":
        this.#out.push({ type: "warn", text: `could not connect to ${event.node}, which others know` });
        return this.#lost(event.node);
      case "locked":
        return this.#locked(event.node, event.tag, event.lock);
      case "resolved":
        return this.#decided(event.node, event.tag, event.conflicts, event.outcomes);
      case "adopt":
        for (const entry of event.entries) this.#records.adopt(entry);
    }
  }

  #received(message: GlobalMessage, nowMs: number): void {
    switch (message.type) {
      case "init_connect":
        return this.#introduced(message);
      case "init_connect_ack":
        return this.#acknowledged(message);
      case "cancel_connect":
        if (this.#attempts.get(message.node)?.tag === message.tag) this.#restart(message.node);
        return;
      case "lock_set": {
        // OTP: by way of this process, so that it comes neither before nodeup nor after nodedown.
        const tag = this.#attempts.get(message.locker.node)?.tag;
        if (message.tag === undefined || message.tag === tag) this.#out.push({ type: "locker", message });
        return;
      }
      case "exchange":
        return this.#exchanged(message);
      case "resolved":
        return this.#settled(message);
      case "new_nodes":
        return this.#newNodes(message);
      case "in_sync":
        this.#inSync(message.node);
        return this.#give(message.node, { quietly: true });
      case "lost_connection":
        return this.#heardOfLoss(message, nowMs);
      case "remove_connection":
        if (!this.#isKnownOrPending(message.node)) return;
        this.#out.push({ type: "disconnect", node: message.node });
        this.#warnOfParting("disconnected", message.node);
        return this.#part(message.node);
    }
  }

  // Connecting

  #begin(node: NodeName): void {
    if (this.#known.has(node) || this.#attempts.has(node)) return;
    const tag = ++this.#lastTag;
    this.#attempts.set(node, {
      tag,
      theirs: undefined,
      lock: undefined,
      names: undefined,
      operations: undefined,
      agreed: undefined,
      resolved: undefined,
    });
    const known = new Map(this.#known);
    this.#tell(node, {
      type: "init_connect",
      version: VERSION,
      tag,
      node: this.#self(),
      known,
      locker: this.#locker(),
    });
    const early = this.#early.get(node);
    this.#early.delete(node);
    if (early !== undefined) this.#introduced(early);
  }

  #introduced(theirs: Message<"init_connect">): void {
    const { node, tag, version } = theirs;
    if (version < LEAST_VERSION) {
      this.#out.push({ type: "warn", text: `${node} speaks version ${version} of global, which is too old` });
      return;
    }
    const attempt = this.#attempts.get(node);
    if (attempt === undefined) {
      this.#early.set(node, theirs);
      return;
    }
    if (attempt.theirs !== undefined) {
      // A second introduction: they have begun anew and this side has not, so both do.
      if (version < CONFIRMING_VERSION) this.#out.push({ type: "disconnect", node });
      else {
        this.#tell(node, { type: "cancel_connect", node: this.#self(), tag });
        this.#restart(node);
      }
      return;
    }
    attempt.theirs = theirs;
    const { locker } = theirs;
    this.#toLocker({ type: "his_locker", node, locker, version, hisTag: tag, myTag: attempt.tag });
    if (version >= CONFIRMING_VERSION)
      this.#tell(node, { type: "init_connect_ack", node: this.#self(), yours: tag, mine: attempt.tag });
  }

  #acknowledged({ mine, node, yours }: Message<"init_connect_ack">): void {
    const attempt = this.#attempts.get(node);
    if (attempt?.tag === yours && attempt.theirs?.tag === mine) return;
    // They are in another attempt than this side.
    this.#tell(node, { type: "cancel_connect", node: this.#self(), tag: mine });
    this.#restart(node);
  }

  #restart(node: NodeName): void {
    const isUp = this.#attempts.has(node);
    this.#give(node);
    // What they have told of their processes may have been taken back unheard.
    this.#records.dropNode(node);
    if (isUp) this.#begin(node);
  }

  /** Gives up the attempt to connect with `node`. `quietly`: it has come to its end, there too. */
  #give(
    node: NodeName,
    {
      announce = [],
      quietly = false,
    }: { readonly announce?: readonly GlobalEffect[]; readonly quietly?: boolean } = {},
  ): void {
    const attempt = this.#attempts.get(node);
    this.#attempts.delete(node);
    this.#early.delete(node);
    if (attempt === undefined) return;
    this.#toLocker({ type: "cancel", node, tag: attempt.tag, announce });
    const { theirs } = attempt;
    if (!quietly && theirs !== undefined && theirs.version >= CONFIRMING_VERSION)
      this.#tell(node, { type: "cancel_connect", node: this.#self(), tag: theirs.tag });
  }

  // Exchanging names: both partitions are locked

  /** The attempt that a tag belongs to; what holds the lock for an older one is told that it is over. */
  #current(node: NodeName, tag: Tag): Attempt | undefined {
    const attempt = this.#attempts.get(node);
    if (attempt?.tag === tag) return attempt;
    this.#toLocker({ type: "cancel", node, tag, announce: [] });
    return undefined;
  }

  #locked(node: NodeName, tag: Tag, lock: LockId): void {
    const attempt = this.#current(node, tag);
    if (attempt?.theirs === undefined) return;
    attempt.lock = lock;
    const names = [...this.names.all];
    this.#tell(node, { type: "exchange", node: this.#self(), names, tag: attempt.theirs.tag });
    if (attempt.names !== undefined) this.#compare(node, attempt, attempt.names);
  }

  #exchanged({ names, node, tag }: Message<"exchange">): void {
    const attempt = this.#current(node, tag);
    if (attempt === undefined) return;
    attempt.names = names;
    if (attempt.lock !== undefined) this.#compare(node, attempt, names);
  }

  #compare(node: NodeName, attempt: Attempt, names: readonly GlobalEntry[]): void {
    const conflicts: Conflict[] = [];
    const operations: NameOperation[] = [];
    for (const theirs of names) {
      const ours = this.names.get(theirs.name);
      if (ours === undefined) operations.push({ type: "insert", entry: theirs });
      else if (ours.pid !== theirs.pid) conflicts.push({ ours, theirs });
    }
    // OTP: the lesser node settles all, so that no two methods are run for one conflict.
    if (conflicts.length === 0 || this.#self() > node) return this.#agree(node, attempt, operations, []);
    attempt.operations = operations;
    this.#out.push({ type: "resolve", node, tag: attempt.tag, conflicts });
  }

  #decided(node: NodeName, tag: Tag, conflicts: readonly Conflict[], outcomes: readonly Outcome[]): void {
    const attempt = this.#current(node, tag);
    if (attempt === undefined) return;
    const here = [...(attempt.operations ?? [])];
    const there: NameOperation[] = [];
    for (const [at, { ours, theirs }] of conflicts.entries()) {
      const outcome = outcomes[at];
      if (outcome === "theirs" || outcome === "unknown") here.push({ type: "insert", entry: theirs });
      else if (outcome === "ours") there.push({ type: "insert", entry: ours });
      else {
        here.push({ type: "delete", name: ours.name });
        there.push({ type: "delete", name: ours.name });
      }
    }
    attempt.operations = undefined;
    this.#agree(node, attempt, here, there);
  }

  /** All conflicts are settled: what is to be done here, and in the other partition. */
  #agree(node: NodeName, attempt: Attempt, here: readonly NameOperation[], there: readonly NameOperation[]): void {
    const tag = attempt.theirs?.tag ?? 0;
    this.#tell(node, {
      type: "resolved",
      node: this.#self(),
      operations: there,
      known: new Map(this.#known),
      external: this.#records.external,
      tag,
    });
    attempt.agreed = here;
    if (attempt.resolved !== undefined) this.#merge(node, attempt, here, attempt.resolved);
  }

  #settled(message: Message<"resolved">): void {
    const attempt = this.#current(message.node, message.tag);
    if (attempt === undefined) return;
    attempt.resolved = message;
    if (attempt.agreed !== undefined) this.#merge(message.node, attempt, attempt.agreed, message);
  }

  #merge(node: NodeName, attempt: Attempt, ours: readonly NameOperation[], theirs: Message<"resolved">): void {
    const { external, known } = theirs;
    const operations = [...ours, ...theirs.operations];
    const { lock } = attempt;
    const version = attempt.theirs?.version ?? VERSION;
    const nodes = new Map([[node, version], ...known]);
    const announcement: GlobalMessage = {
      type: "new_nodes",
      node: this.#self(),
      operations,
      external,
      nodes,
      version: Math.min(version, VERSION),
      lock,
    };
    const announce = this.known.map((one): GlobalEffect => ({ type: "tell", node: one, message: announcement }));
    for (const one of known.keys()) this.#connect(one);
    this.#records.apply(operations, external, lock);
    this.#inSync(node);
    // Those of the other partition come to know of this node by new_nodes.
    for (const one of known.keys()) this.#give(one, { quietly: true });
    this.#give(node, { announce, quietly: true });
    this.#learn(nodes);
  }

  #newNodes({ external, lock, nodes, operations }: Message<"new_nodes">): void {
    for (const one of this.#learn(nodes)) this.#connect(one);
    this.#records.apply(operations, external, lock);
  }

  /** @returns those that were not known. */
  #learn(nodes: Versions): readonly NodeName[] {
    const added: NodeName[] = [];
    for (const [node, version] of nodes) {
      if (node === this.#self()) continue;
      if (!this.#known.has(node)) added.push(node);
      if (!this.#known.get(node)) this.#known.set(node, version);
    }
    return added;
  }

  #connect(node: NodeName): void {
    if (node !== this.#self()) this.#out.push({ type: "connect", node });
  }

  #inSync(node: NodeName): void {
    this.#synced.add(node);
    this.#awaited(node);
  }

  // Requests

  #requested(request: GlobalRequest, caller: Caller): void {
    const reply = (value: unknown): void => void this.#out.push({ type: "reply", caller, value });
    switch (request.type) {
      case "set_lock":
        return reply(atom(String(this.#records.lock(request.lock, caller.pid))));
      case "del_lock":
        this.#records.unlock(request.lock, caller.pid);
        return reply(atom("true"));
      case "register":
        this.#records.register(request.entry, caller.pid);
        return reply(atom("yes"));
      case "unregister":
        this.#records.remove(request.name);
        return reply(atom("ok"));
      case "sync": {
        const nodes = new Set(request.nodes.filter((node) => this.#up.has(node) && !this.#synced.has(node)));
        const waiting = { caller, nodes };
        this.#waiting.add(waiting);
        return this.#isDone(waiting);
      }
      case "get_known":
        return reply(this.known.map(nodeAtom));
      case "get_synced":
        return reply(this.synced.map(nodeAtom));
      case "get_protocol_version":
        return reply(VERSION);
      case "get_names_ext":
        return reply(this.#records.external.map(externalTerm));
    }
  }

  /** Nobody waits any longer for being in sync with `node`. */
  #awaited(node: NodeName): void {
    for (const waiting of this.#waiting) {
      waiting.nodes.delete(node);
      this.#isDone(waiting);
    }
  }

  #isDone(waiting: Waiting): void {
    if (waiting.nodes.size > 0) return;
    this.#waiting.delete(waiting);
    this.#out.push({ type: "reply", caller: waiting.caller, value: atom("ok") });
  }

  // Nodes that go

  #lost(node: NodeName): void {
    this.#forgetNode(node);
    if (this.#parting.delete(node) || !this.#prevents) return;
    const lost = { type: "lost_connection", node: this.#self(), creation: this.#creation, lost: node } as const;
    this.#multicast({ ...lost, number: ++this.#lastLoss }, node);
  }

  /** The connection is about to be ended, by this side or the other. */
  #part(node: NodeName): void {
    this.#forgetNode(node);
    this.#parting.add(node);
  }

  #forgetNode(node: NodeName): void {
    this.#give(node);
    this.#known.delete(node);
    this.#synced.delete(node);
    this.#awaited(node);
  }

  /** Everybody who is connected with one of two nodes that have lost each other parts with it: no partitions overlap. */
  #heardOfLoss(message: Message<"lost_connection">, nowMs: number): void {
    const { creation, lost, node, number } = message;
    if (!this.#prevents || !this.#losses.heard(node, lost, creation, number, nowMs)) return;
    // Passed on, should their connections to the reporter end before it has told all.
    this.#multicast(message, node);
    const other = lost === this.#self() ? node : lost;
    if (!this.#isKnownOrPending(other)) return;
    this.#tell(other, { type: "remove_connection", node: this.#self() });
    this.#warnOfParting("requested disconnect from", other);
    this.#part(other);
  }

  #warnOfParting(what: string, node: NodeName): void {
    this.#out.push({ type: "warn", text: `${what} ${node} in order to prevent overlapping partitions` });
  }

  #isKnownOrPending(node: NodeName): boolean {
    return this.#known.has(node) || this.#attempts.get(node)?.theirs !== undefined;
  }

  #multicast(message: GlobalMessage, except: NodeName): void {
    const pending = [...this.#attempts].flatMap(([node, { theirs }]) => (theirs === undefined ? [] : [node]));
    for (const node of new Set([...this.#known.keys(), ...pending])) if (node !== except) this.#tell(node, message);
  }

  #tell(node: NodeName, message: GlobalMessage): void {
    this.#out.push({ type: "tell", node, message });
  }

  #toLocker(message: LockerMessage): void {
    this.#out.push({ type: "locker", message });
  }
}
