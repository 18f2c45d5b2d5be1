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
import { compareNames, settled, withExternal } from "./agreement.ts";
import { ConnectionLosses } from "./connection-losses.ts";
import type { Caller, Conflict, GlobalEffect, GlobalEvent, LockerMessage, Message, Outcome } from "./events.ts";
import type { LockId, LockTable } from "./locks.ts";
import {
  type ExternalName,
  externalTerm,
  type GlobalMessage,
  type NameOperation,
  type Tag,
  type Versions,
} from "./messages.ts";
import type { GlobalEntry, NameTable } from "./name-table.ts";
import { GlobalRecords } from "./records.ts";
import type { GlobalRequest } from "./requests.ts";
import { nodeAtom } from "./terms.ts";

/** The version of the protocol that this node speaks, and the least that it understands. */
const VERSION = 8;
const LEAST_VERSION = 7;
/** From this version on nodes confirm which attempt to connect they are in. */
const CONFIRMING_VERSION = 8;

/** An attempt to connect with a node, from its nodeup until the names are exchanged. */
interface Attempt {
  readonly tag: Tag;
  /** What the other side has introduced itself with. */
  theirs: Message<"init_connect"> | undefined;
  /** Under which both partitions are locked. */
  lock: LockId | undefined;
  names: readonly GlobalEntry[] | undefined;
  /** What is to be done here: as far as there is no conflict, then in all. */
  inserts: readonly NameOperation[] | undefined;
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
  /** Nodes that are to be connected to again when they are parted with. */
  readonly #rejoining = new Set<NodeName>();
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
        this.#lost(event.node);
        if (this.#rejoining.delete(event.node)) this.#connect(event.node);
        return;
      case "message":
        return this.#received(event.message, event.nowMs);
      case "request":
        return this.#requested(event.request, event.caller);
      case "ended":
        return this.#records.ended(event.pid);
      case "connected":
        // Else it has been lost meanwhile, and would take this for the end of another attempt.
        if (this.#known.has(event.node)) this.#tell(event.node, { type: "in_sync", node: this.#self() });
        return;
      case "unreachable":
        if (!this.#known.has(event.node)) return;
        this.#out.push({ type: "warn", text: `could not connect to ${event.node}, which others know` });
        return this.#lost(event.node);
      case "review":
        return this.#review(event.node);
      case "stuck":
        if (this.#attempts.get(event.node)?.tag !== event.tag) return;
        return event.isLocked ? this.#rejoin(event.node) : this.#restart(event.node);
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
        // Not quietly: should it be about an earlier life of this node, their attempt would wait for ever, and all its locks.
        return this.#give(message.node);
      case "lost_connection":
        return this.#heardOfLoss(message, nowMs);
      case "remove_connection":
        // Both sides may want it at once.
        if (
          !this.#isKnownOrPending(message.node) &&
          !this.#synced.has(message.node) &&
          !this.#parting.has(message.node)
        )
          return;
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
      inserts: undefined,
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
      // They have begun anew, and this side has nothing to show for what it did before.
      if (this.#up.has(node)) this.#begin(node);
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
    // What they have told of their processes may have been taken back unheard; of those who are known, others tell.
    if (!this.#known.has(node)) this.#records.dropNode(node);
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
    const names = [...this.names.all].filter((entry) => this.#isOfPartition(entry));
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
    const { conflicts, inserts } = compareNames(this.names, names);
    // OTP: the lesser node settles all, so that no two methods are run for one conflict.
    if (conflicts.length === 0 || this.#self() > node) return this.#agree(node, attempt, inserts, []);
    attempt.inserts = inserts;
    this.#out.push({ type: "resolve", node, tag: attempt.tag, conflicts });
  }

  #decided(node: NodeName, tag: Tag, conflicts: readonly Conflict[], outcomes: readonly Outcome[]): void {
    const attempt = this.#current(node, tag);
    if (attempt?.inserts === undefined) return;
    const { here, there } = settled(conflicts, outcomes);
    this.#agree(node, attempt, [...attempt.inserts, ...here], there);
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
    const { lock } = attempt;
    const version = attempt.theirs?.version ?? VERSION;
    const nodes = new Map([[node, version], ...known]);
    const operations = this.#toBeDone([...ours, ...theirs.operations], external, nodes);
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
    this.#records.apply(operations, lock);
    this.#inSync(node);
    // Those of the other partition come to know of this node by new_nodes.
    for (const one of known.keys()) this.#give(one, { quietly: true });
    this.#give(node, { announce, quietly: true });
    this.#learn(nodes);
  }

  #newNodes({ external, lock, nodes, operations }: Message<"new_nodes">): void {
    for (const one of this.#learn(nodes)) this.#connect(one);
    this.#records.apply(this.#toBeDone(operations, external, nodes), lock);
  }

  /** Names of nodes that are in none of the two partitions any more are not taken. */
  #toBeDone(
    operations: readonly NameOperation[],
    external: readonly ExternalName[],
    nodes: Versions,
  ): readonly NameOperation[] {
    return withExternal(operations, external).filter(
      (one) => one.type === "delete" || this.#isOfPartition(one.entry, nodes),
    );
  }

  /** Who has lost a name's node has lost the name; should another one still have it, nobody would be told of it again. */
  #isOfPartition({ pid, via }: GlobalEntry, more?: Versions): boolean {
    const node = via ?? pid.node;
    return node === this.#self() || this.#known.has(node) || more?.has(node) === true;
  }

  /** @returns those that were not known. */
  #learn(nodes: Versions): readonly NodeName[] {
    const added: NodeName[] = [];
    for (const [node, version] of nodes) {
      if (node === this.#self()) continue;
      if (!this.#known.has(node)) {
        added.push(node);
        this.#expectRest(node, this.#synced);
      }
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
    this.#expectRest(node, this.#known);
  }

  /**
   * A node is known by what others say and in sync by what it says itself; both come, in whatever order. Connections that
   * came and went meanwhile may have swallowed one of them, and nobody says it again.
   */
  #expectRest(node: NodeName, rest: { has(node: NodeName): boolean }): void {
    if (!rest.has(node)) this.#out.push({ type: "review", node });
  }

  #review(node: NodeName): void {
    if (!this.#up.has(node) || this.#known.has(node) === this.#synced.has(node)) return;
    if (this.#attempts.get(node)?.theirs === undefined) this.#rejoin(node);
    else this.#out.push({ type: "review", node });
  }

  /** Begins anew with a new connection; that this one ends is nobody else's business. */
  #rejoin(node: NodeName): void {
    this.#out.push({ type: "warn", text: `is not in step with ${node}, and connects anew` });
    this.#tell(node, { type: "remove_connection", node: this.#self() });
    this.#part(node);
    this.#rejoining.add(node);
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
