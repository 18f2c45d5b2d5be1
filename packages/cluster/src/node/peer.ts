/**
 * One connection to another node, from the wish for it to its end: the route that local operations take. What is sent while
 * it comes about waits, in order; who has a link, a monitor or a call over it is told `noconnection` once when it ends.
 */
import { type ExitReason, InterlockError, type NodeName } from "@interlock/core";
import {
  type Addressee,
  type Home,
  type LocalMonitor,
  type LocalPid,
  linkEnded,
  type OpenCall,
  type Process,
  Reference,
  RemotePid,
  RemoteReference,
  type Route,
  showReason,
  unwatch,
  type Watcher,
  watch,
} from "@interlock/core/distribution";
import { type Atom, atom, type ControlMessage } from "@interlock/wire";
import { messageTo, nameOrPid } from "./addressee.ts";
import { takesTerms } from "./attached.ts";
import { reasonToTerm } from "./exit-terms.ts";
import { castMessage, ownFailure, ownRefusal, ownReply, replyControl, stopMessage } from "./gen-protocol.ts";
import { noConnection, OutgoingCalls } from "./outgoing-calls.ts";
import { OutgoingSpawns, type RemoteStart, type SpawnWaiter } from "./outgoing-spawns.ts";
import { WeakTable } from "./weak-table.ts";

/** The open connection to a node, as a peer uses it. */
export interface Link {
  /** Whether more would wait longer than is good: `trySend` is refused. */
  readonly busy: boolean;
  /** Whether the other side understands marks: Interlock's own values. */
  readonly rich: boolean;
  /** Whether the other side starts processes on request. */
  readonly spawns: boolean;
  /** **Errors** `INTERLOCK_WIRE_UNENCODABLE`, `INTERLOCK_WIRE_LIMIT` for the payload. */
  send(control: ControlMessage, payload?: unknown): void;
  /** Resolves when it is not busy any more, or closed. */
  drained(): Promise<void>;
  close(reason: string): void;
}

/** With a smaller serial a pid's two numbers are one safe integer. */
const MOST_SERIAL_IN_KEY = 2 ** 21;

/** One life of a node: identifiers of an earlier life are not those of the present one. */
export class NodeLife implements Home {
  readonly name: NodeName;
  readonly atom: Atom;
  readonly creation: number;
  readonly index: number;
  readonly #routeTo: (name: NodeName) => Route | undefined;
  readonly #pids = new WeakTable<number | string, RemotePid>();
  readonly #references = new WeakTable<string, RemoteReference>();

  constructor(name: Atom, creation: number, index: number, routeTo: (name: NodeName) => Route | undefined) {
    this.name = name.name as NodeName;
    this.atom = name;
    this.creation = creation;
    this.index = index;
    this.#routeTo = routeTo;
  }

  /** The connection to that node now, or a new one. */
  get route(): Route | undefined {
    return this.#routeTo(this.name);
  }

  pid(id: number, serial: number): RemotePid {
    const key = serial < MOST_SERIAL_IN_KEY ? serial * 2 ** 32 + id : `${id}.${serial}`;
    const known = this.#pids.get(key);
    if (known !== undefined) return known;
    const made = new RemotePid(this, id, serial);
    this.#pids.set(key, made);
    return made;
  }

  reference(words: readonly number[]): RemoteReference {
    // OTP: one that is shorter is the same as if zeros followed.
    let length = words.length;
    while (length > 1 && words[length - 1] === 0) length--;
    const key = (length === words.length ? words : words.slice(0, length)).join(".");
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const made = new RemoteReference(this, words);
    this.#references.set(key, made);
    return made;
  }
}

/** A process of the peer that watches one of ours. */
class RemoteWatcher implements Watcher {
  readonly by: RemotePid;
  readonly #peer: Peer;
  readonly #process: Process;
  readonly #ref: Reference;
  /** Set when it was watched by its name: the DOWN says so. */
  readonly #name: string | undefined;

  constructor(peer: Peer, by: RemotePid, process: Process, ref: Reference, name: string | undefined) {
    this.#peer = peer;
    this.by = by;
    this.#process = process;
    this.#ref = ref;
    this.#name = name;
  }

  fire(pid: LocalPid, reason: ExitReason): void {
    this.#peer.watchers.delete(this.#ref);
    this.#peer.sendDown(this.#name ?? pid, this.by, this.#ref, reason);
  }

  stop(): void {
    unwatch(this.#process, this);
  }
}

type Waiting = (link: Link | undefined) => void;

/** What waits for a connection at most; more is refused as if there were none. */
const MOST_WAITING = 100_000;

export class Peer implements Route {
  readonly name: NodeName;
  readonly #lost: (error: unknown) => void;
  #link: Link | undefined;
  /** What waits for the connection; undefined once it is there, or over. */
  #waiting: Waiting[] | undefined = [];
  readonly calls: OutgoingCalls = new OutgoingCalls();
  readonly spawns: OutgoingSpawns = new OutgoingSpawns();
  readonly #monitors = new Map<number, { readonly monitor: LocalMonitor; readonly to: Addressee }>();
  readonly #links = new Map<LocalPid, Set<LocalPid>>();
  /** Our unlinks that the other side has not acknowledged yet: a link of its that crosses one is void. */
  readonly #unlinks = new Map<number, { readonly from: LocalPid; readonly to: LocalPid }>();
  #unlinkId = 0;
  /** Monitors of the other side's processes on ours. */
  readonly watchers: Map<Reference, RemoteWatcher> = new Map();

  /** `lost` is told of a message that could not be sent after all. */
  constructor(name: NodeName, lost: (error: unknown) => void) {
    this.name = name;
    this.#lost = lost;
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  get connecting(): boolean {
    return this.#waiting !== undefined;
  }

  // The connection

  /** The connection is there: what waited for it goes out first. */
  up(link: Link): void {
    this.#link = link;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const one of waiting) {
      try {
        one(this.#link);
      } catch (error) {
        this.#lost(error); // A message that cannot be encoded: its sender has gone on long since.
      }
    }
  }

  /** No connection came about, or it ended. */
  down(): void {
    const waiting = this.#waiting ?? [];
    this.#link = this.#waiting = undefined;
    const watchers = [...this.watchers.values()];
    const monitors = [...this.#monitors.values()];
    const links = [...this.#links].flatMap(([to, froms]) => [...froms].map((from) => ({ from, to })));
    this.watchers.clear();
    this.#monitors.clear();
    this.#links.clear();
    this.#unlinks.clear();
    for (const watcher of watchers) watcher.stop();
    for (const one of waiting) one(undefined);
    this.calls.close();
    this.spawns.close();
    for (const { monitor } of monitors) fire(monitor, "noconnection");
    for (const { from, to } of links) if (from.process !== undefined) linkEnded(to, from.process, "noconnection");
  }

  /** Resolves when the connection is there, or did not come about. */
  opened(): Promise<boolean> {
    return new Promise((resolve) => this.#when((link) => resolve(link !== undefined)));
  }

  close(reason: string): void {
    this.#link?.close(reason);
  }

  /** Runs `use` with the connection, once there is one; with undefined if none comes about, or it is over. */
  #when(use: Waiting): void {
    if (this.#link === undefined && this.#waiting !== undefined && this.#waiting.length < MOST_WAITING)
      this.#waiting.push(use);
    else use(this.#link);
  }

  // Messages

  send(from: LocalPid, to: Addressee, message: unknown): void {
    this.#when((link) => link?.send(messageTo(from, to), message));
  }

  trySend(from: LocalPid, to: Addressee, message: unknown): boolean {
    const link = this.#link;
    if (link === undefined || link.busy) return false;
    link.send(messageTo(from, to), message);
    return true;
  }

  async ready(): Promise<void> {
    if (!(await this.opened())) throw noRoute(this.name);
    while (this.#link?.busy === true) await this.#link.drained();
    if (this.#link === undefined) throw noRoute(this.name);
  }

  cast(from: LocalPid, to: Addressee, operation: string, args: readonly unknown[]): void {
    this.send(from, to, castMessage(operation, args));
  }

  call(from: LocalPid, to: Addressee, call: OpenCall): void {
    this.#when((link) => {
      if (call.settled) return;
      if (link === undefined) call.fail(noConnection(call));
      else this.calls.start(link, from, to, call);
    });
  }

  // Links

  link(from: LocalPid, to: LocalPid): void {
    this.#when((link) => {
      if (link === undefined) {
        if (from.process !== undefined) linkEnded(to, from.process, "noconnection");
        return;
      }
      this.#joined(from, to);
      link.send({ type: "LINK", from, to });
    });
  }

  #joined(from: LocalPid, to: LocalPid): void {
    const froms = this.#links.get(to);
    if (froms === undefined) this.#links.set(to, new Set([from]));
    else froms.add(from);
  }

  #parted(from: LocalPid, to: LocalPid): boolean {
    const froms = this.#links.get(to);
    if (froms?.delete(from) !== true) return false;
    if (froms.size === 0) this.#links.delete(to);
    return true;
  }

  unlink(from: LocalPid, to: LocalPid): void {
    this.#when((link) => {
      if (link === undefined || !this.#parted(from, to)) return;
      const id = ++this.#unlinkId;
      this.#unlinks.set(id, { from, to });
      link.send({ type: "UNLINK_ID", id: BigInt(id), from, to });
    });
  }

  exitLinked(from: LocalPid, to: LocalPid, reason: ExitReason): void {
    this.#when((link) => {
      if (link === undefined || !this.#parted(from, to)) return;
      this.#tell(link, { type: "PAYLOAD_EXIT", from, to }, reason);
    });
  }

  exit(from: LocalPid, to: LocalPid, reason: ExitReason): void {
    this.#when((link) => link && this.#tell(link, { type: "PAYLOAD_EXIT2", from, to }, reason));
  }

  /** An exit is told even if its reason cannot be. */
  #tell(link: Link, control: ControlMessage, reason: ExitReason): void {
    try {
      link.send(control, reasonToTerm(reason, link.rich));
    } catch {
      link.send(control, showReason(reason));
    }
  }

  // The other side's links. False: the signal is void.

  linkedFrom(from: RemotePid, to: LocalPid): boolean {
    for (const one of this.#unlinks.values()) if (one.from === to && one.to === from) return false;
    this.#joined(to, from);
    return true;
  }

  unlinkedFrom(id: bigint, from: RemotePid, to: LocalPid): void {
    this.#parted(to, from);
    // Before any other signal to that process.
    this.#link?.send({ type: "UNLINK_ID_ACK", id, from: to, to: from });
  }

  unlinkAcknowledged(id: bigint): void {
    this.#unlinks.delete(Number(id));
  }

  /** The other side's end of a link; false when it is gone here already. */
  exitedLinked(from: RemotePid, to: LocalPid): boolean {
    return this.#parted(to, from);
  }

  /** Nobody is there: what OTP answers to a link with the dead. */
  sendNoproc(from: LocalPid, to: RemotePid): void {
    this.#link?.send({ type: "PAYLOAD_EXIT", from, to }, atom("noproc"));
  }

  stop(from: LocalPid, to: Addressee, reason: ExitReason): void {
    this.#when((link) =>
      link?.send(messageTo(from, to), stopMessage(from, new Reference(), reasonToTerm(reason, link.rich))),
    );
  }

  // Monitors

  monitor(monitor: LocalMonitor, to: Addressee): void {
    this.#when((link) => {
      if (monitor.target === undefined) return; // Ended meanwhile.
      if (link === undefined) return fire(monitor, "noconnection");
      this.#monitors.set(monitor.id, { monitor, to });
      link.send({ type: "MONITOR_P", from: monitor.by, to: nameOrPid(to as LocalPid | string), ref: monitor });
    });
  }

  demonitor(monitor: LocalMonitor): void {
    const active = this.#monitors.get(monitor.id);
    if (active === undefined) return; // Nothing has gone out yet, or its DOWN has come.
    this.#monitors.delete(monitor.id);
    this.#demonitor(monitor.by, active.to, monitor);
  }

  #demonitor(from: LocalPid, to: Addressee, ref: Reference): void {
    if (!(to instanceof Reference)) this.#link?.send({ type: "DEMONITOR_P", from, to: nameOrPid(to), ref });
  }

  /** The DOWN of a monitor of ours, or of the one that comes with a call or a spawn request. */
  watchedEnded(ref: number, reason: (exact: boolean) => ExitReason): void {
    if (this.calls.has(ref)) return void this.calls.failed(ref, reason(false));
    if (this.spawns.ended(ref, reason)) return;
    const active = this.#monitors.get(ref);
    this.#monitors.delete(ref);
    if (active?.monitor.target !== undefined) fire(active.monitor, reason(takesTerms(active.monitor.watcher)));
  }

  watchedFrom(by: RemotePid, process: Process, ref: Reference, name: string | undefined): void {
    const watcher = new RemoteWatcher(this, by, process, ref, name);
    this.watchers.set(ref, watcher);
    watch(process, watcher);
  }

  unwatchedFrom(ref: Reference): void {
    this.watchers.get(ref)?.stop();
    this.watchers.delete(ref);
  }

  sendDown(from: LocalPid | string, to: RemotePid, ref: Reference, reason: ExitReason): void {
    if (this.#link === undefined) return;
    this.#tell(this.#link, { type: "PAYLOAD_MONITOR_P_EXIT", from: nameOrPid(from), to, ref }, reason);
  }

  /** Starts a process there. Only over a connection that is open. @returns what ends the interest in it. */
  startThere(from: LocalPid, what: RemoteStart, waiter: SpawnWaiter): () => void {
    const link = this.#link;
    if (link?.spawns === true) return this.spawns.start(link, from, what, waiter);
    if (link === undefined) waiter.ended("noconnection");
    else waiter.refused("notsup");
    return () => undefined;
  }

  /** Whether the other side is an Interlock node. */
  get rich(): boolean {
    return this.#link?.rich === true;
  }

  /** The answer to a call of an Interlock node. */
  replyTo(id: number, from: LocalPid, value: unknown): void {
    try {
      this.#link?.send(replyControl(from), ownReply(id, value));
    } catch (error) {
      this.refuseCall(id, from, error as Error); // The value has no external form.
    }
  }

  refuseCall(id: number, from: LocalPid, error: Error): void {
    this.#link?.send(replyControl(from), ownRefusal(id, error));
  }

  /** There will be no answer to a call of an Interlock node: the callee has ended. */
  failCall(id: number, from: LocalPid, reason: ExitReason): void {
    this.#link?.send(replyControl(from), ownFailure(id, reasonToTerm(reason, true)));
  }

  /** Any control message that answers one of the other side. */
  answer(control: ControlMessage, payload?: unknown): void {
    this.#link?.send(control, payload);
  }
}

/** The DOWN of a name has a pid of no process: which one had the name only its node knows. */
function fire(monitor: LocalMonitor, reason: ExitReason): void {
  monitor.fire(monitor.watched ?? monitor.watcher.node.nobody, reason);
}

function noRoute(name: NodeName): InterlockError<"INTERLOCK_NOCONNECTION"> {
  return new InterlockError("INTERLOCK_NOCONNECTION", `There is no connection to ${name}`, { target: name });
}
