/**
 * A presence on one node: what is tracked there, what the others have told, who follows it. It is there from its first use on,
 * whatever happens to its process: what is tracked belongs to processes that live on. Tracking and reading happen at once;
 * what other nodes say, and what they are told, passes through the process.
 */
import type { LocalNode, NodeName, Pid } from "@interlock/core";
import { deliverMessage, type LocalPid, onEnd, type Process } from "@interlock/core/distribution";
import { watchNodesOf } from "../node/attached.ts";
import { NetKernel } from "../node/net-kernel.ts";
import { type PubSub, type Topic, watchReach } from "../pubsub/pubsub.ts";
import type { Changes, Delta } from "./delta.ts";
import { Followers } from "./followers.ts";
import { type PresenceMessage, type Received, received, toldDelta } from "./messages.ts";
import { OtherReplicas, type Outcome, type Question } from "./other-replicas.ts";
import { OwnEntries } from "./own-entries.ts";
import { type Entry, type Metas, Topics } from "./topics.ts";
import { TrackedProcesses } from "./tracked-processes.ts";

export interface PresenceRules {
  readonly name: string;
  readonly pubsub: PubSub;
  readonly heartbeatMs: number;
  readonly downMs: number;
  readonly permdownMs: number;
}

/** For reports and `sys.getStatus`. */
export interface PresenceStatistics {
  readonly replica: string;
  readonly clock: number;
  /** Processes of this node with an entry. */
  readonly tracked: number;
  /** Watchers and subscribed processes. */
  readonly followers: number;
  /** Other nodes whose entries count, and those whose entries are kept. */
  readonly up: number;
  readonly away: number;
  /** That were put to others so far. */
  readonly questions: number;
}

/** What the node tells its presence process. */
export type PresenceNote = { readonly type: "presence_flush" | "presence_greet" | "presence_more" | "presence_beat" };

interface Answering {
  readonly to: LocalPid;
  readonly ref: number;
  readonly deltas: Iterator<Delta<Entry>, undefined>;
  next: Delta<Entry>;
}

const REPORT_EVERY_MS = 60_000;
const LIMITS = { deltaBytes: 65_536, leavesKept: 10_000 };

export class NodePresence {
  readonly followers: Followers = new Followers((error) => this.#warn("a watcher failed", error));
  readonly #node: LocalNode;
  readonly #rules: PresenceRules;
  readonly #replica: string;
  readonly #own = new OwnEntries<Entry>(LIMITS);
  readonly #others: OtherReplicas<Entry, LocalPid>;
  readonly #topics = new Topics();
  readonly #tracked = new TrackedProcesses(this.#own, (changes) => this.#changed(changes));
  readonly #gossip: Topic<PresenceMessage>;
  #process: Process | undefined;
  /** From the start of the child until it is stopped; a crash in between does not count. */
  #open = false;
  #flushing = false;
  /** Messages that it could not read, and when the next one is reported. */
  #unreported = 0;
  #nextReportMs = 0;
  #answering: Answering[] = [];

  constructor(node: LocalNode, rules: PresenceRules) {
    this.#node = node;
    this.#rules = rules;
    const life = Math.floor(node.runtime.random() * 2 ** 48).toString(36);
    this.#replica = `${node.name}/${life}`;
    this.#others = new OtherReplicas({ ...rules, answerMs: rules.heartbeatMs * 2 });
    this.#gossip = rules.pubsub.topic(`interlock_presence:${rules.name}`);
    watchNodesOf(node, (event) => {
      if (event.type === "nodedown") this.#publish(this.#others.nodeDown(event.node, this.#nowMs));
    });
  }

  get statistics(): PresenceStatistics {
    const tracked = this.#tracked.count;
    const followers = this.followers.count;
    return { replica: this.#replica, clock: this.#own.clock, tracked, followers, ...this.#others.statistics };
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get #nowMs(): number {
    return this.#node.runtime.clock.now();
  }

  // What is tracked here

  track(pid: LocalPid, entry: Entry): void {
    this.#changed(this.#tracked.track(pid, entry));
  }

  /** @returns whether there was something to update. */
  update(pid: LocalPid, entry: Entry): boolean {
    return this.#changed(this.#tracked.update(pid, entry));
  }

  /** @returns whether anything was tracked. */
  untrack(pid: LocalPid, topic?: string, key?: string): boolean {
    return this.#changed(this.#tracked.untrack(pid, topic, key));
  }

  /** The others are told with all else that changes in this turn. */
  #changed(changes: Changes<Entry>): boolean {
    if (changes.joins.length + changes.leaves.length === 0) return false;
    if (!this.#flushing && this.#process !== undefined) {
      this.#flushing = true;
      this.#note("presence_flush");
    }
    this.#publish(changes);
    return true;
  }

  // Readers

  get topics(): readonly string[] {
    return this.#topics.names;
  }

  list(topic: string): Metas {
    return this.#topics.list(topic);
  }

  #publish(changes: Changes<Entry>): void {
    if (changes.joins.length + changes.leaves.length > 0) this.followers.tell(this.#topics.change(changes));
  }

  // The process

  /** `process` begins, perhaps in place of one that has crashed. */
  begin(process: Process): void {
    // Our goodbye may still be under way to somebody: what is said from now on is newer.
    if (!this.#open) this.#own.skip();
    this.#open = true;
    this.#process = process;
    this.#answering = [];
    this.#others.resume(this.#nowMs);
    onEnd(process, () => {
      if (this.#process === process) this.#process = undefined;
    });
    this.#gossip.subscribe({ pid: process.pid as never });
    onEnd(
      process,
      watchReach(this.#rules.pubsub, this.#node, () => this.#note("presence_greet")),
    );
    this.note("presence_greet");
  }

  /** The child is stopped: the others need not wait for this node. */
  leave(): void {
    this.#open = false;
    this.#broadcast({ type: "presence_gone", ...this.#self(), clock: this.#own.clock });
  }

  note(type: PresenceNote["type"]): void {
    if (type === "presence_more") return this.#answer();
    this.#flush();
    if (type !== "presence_flush") this.#greet();
    if (type === "presence_beat") this.#publish(this.#others.tick(this.#nowMs));
  }

  hear(message: unknown): void {
    const heard = received(message);
    if (heard === undefined) return this.#unread(message);
    if (heard.from.home !== this.#node) this.#act(heard);
  }

  /** Perhaps of a later version, with every heartbeat: it is said once in a while. */
  #unread(message: unknown): void {
    if (this.#nowMs < this.#nextReportMs) return void this.#unreported++;
    const more = this.#unreported === 0 ? "" : `, and ${this.#unreported} before it`;
    this.#unreported = 0;
    this.#nextReportMs = this.#nowMs + REPORT_EVERY_MS;
    this.#warn(`got a message that it cannot read${more}`, message);
  }

  #act(heard: Received): void {
    const { from, replica } = heard;
    const speaker = { replica, pid: from, node: from.node };
    const now = this.#nowMs;
    switch (heard.type) {
      case "clock":
        return this.#follow(this.#others.heard(speaker, heard.clock, now));
      case "delta":
        return this.#follow(this.#others.told(speaker, heard.delta, now));
      case "gone":
        return this.#publish(this.#others.gone(replica, heard.clock));
      case "ask":
        this.#asked(from, heard.ref, heard.have);
        return this.#follow(this.#others.heard(speaker, heard.clock, now));
      case "answer":
        return this.#follow(this.#others.answered(replica, heard, now));
    }
  }

  #follow({ ask, joins, leaves }: Outcome<Entry, LocalPid>): void {
    this.#publish({ joins, leaves });
    if (ask !== undefined) this.#ask(ask);
  }

  #ask({ have, ref, to }: Question<LocalPid>): void {
    this.#send(to, { type: "presence_ask", ...this.#self(), clock: this.#own.clock, ref, have });
  }

  #asked(to: LocalPid, ref: number, have: number): void {
    const deltas = this.#own.since(have);
    const { value } = deltas.next();
    // Whoever asks again does not wait for the answer to what it asked before.
    this.#answering = this.#answering.filter((one) => one.to !== to);
    if (value !== undefined) this.#answering.push({ to, ref, deltas, next: value });
    if (this.#answering.length === 1) this.#answer();
  }

  /** One delta to one of those who wait; then others may speak. */
  #answer(): void {
    const answering = this.#answering.shift();
    if (answering === undefined) return;
    const { deltas, next, ref, to } = answering;
    const { value } = deltas.next();
    const sent = this.#send(to, {
      type: "presence_answer",
      ...this.#self(),
      ...toldDelta(next),
      ref,
      last: value === undefined,
    });
    if (sent && value !== undefined) this.#answering.push({ ...answering, next: value });
    if (this.#answering.length > 0) this.#note("presence_more");
  }

  #flush(): void {
    this.#flushing = false;
    for (const delta of this.#own.takeUntold())
      this.#broadcast({ type: "presence_delta", ...this.#self(), ...toldDelta(delta) });
  }

  #greet(): void {
    this.#broadcast({ type: "presence_clock", ...this.#self(), clock: this.#own.clock });
  }

  #self(): { readonly from: Pid<PresenceMessage>; readonly replica: string } {
    return { from: this.#process?.pid as unknown as Pid<PresenceMessage>, replica: this.#replica };
  }

  #note(type: PresenceNote["type"]): void {
    if (this.#process !== undefined) deliverMessage(this.#process, { type } satisfies PresenceNote);
  }

  #broadcast(message: PresenceMessage): void {
    if (this.#process === undefined) return;
    try {
      this.#gossip.broadcastFrom({ pid: this.#process.pid as never }, message);
    } catch (error) {
      // Whoever misses it will ask.
      this.#warn(`could not broadcast a ${message.type}`, error);
    }
  }

  /** Never by a new connection: what was asked on the last one is not waited for any more. */
  #send(to: LocalPid, message: PresenceMessage): boolean {
    const { network } = this.#node;
    const route = network instanceof NetKernel ? network.connectedRoute(to.node as NodeName) : undefined;
    if (route === undefined || this.#process === undefined) return false;
    try {
      route.send(this.#process.pid, to, message);
      return true;
    } catch (error) {
      this.#warn(`could not tell ${to} of a ${message.type}`, error);
      return false;
    }
  }

  #warn(text: string, details: unknown): void {
    const at = this.#node.runtime.clock.wallTime();
    const label = `presence ${this.#rules.name}`;
    this.#node.report({ type: "warning", pid: this.#process?.pid, label, text, details, at });
  }
}
