/** Publish and subscribe by topic, on all nodes of a cluster. @see https://hexdocs.pm/phoenix_pubsub */
import { InterlockError, type LocalNode, type Pid } from "@interlock/core";
import { currentNode, deliverMessage, LocalPid, onEnd, RemotePid } from "@interlock/core/distribution";
import type { PubSubAdapter, PubSubLink } from "./adapter.ts";
import { clusterAdapter } from "./cluster-adapter.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface PubSubOptions {
  /** The same on all nodes. Two of one name on a node are one, with the adapter of the first. */
  readonly name: string;
  /** How other nodes are reached. Default `clusterAdapter()`. */
  readonly adapter?: PubSubAdapter;
}

/** A process that knows itself: the `self` of a plain process, `ctx.self` of a server. */
export interface Subscriber<in T> {
  readonly pid: Pid<T>;
}

export interface PubSub {
  readonly name: string;
  topic<T>(name: string): Topic<T>;
  /**
   * Has this node take part; the first subscription does so too. A node that only broadcasts calls it when it starts:
   * until it has heard of the others it cannot reach them.
   */
  start(): void;
  /** The topics that have subscribers on this node. */
  topics(): readonly string[];
}

export interface Topic<in T> {
  readonly name: string;
  /** Has what is broadcast sent to the process, until it ends. Asking twice is asking once. */
  subscribe(self: Subscriber<T>): void;
  unsubscribe(self: Subscriber<T>): void;
  /**
   * Sends to all subscribers on all nodes, in the order of this process' broadcasts. Waits for none of them; a mailbox that
   * is full acts by its own rule.
   *
   * **Errors** `INTERLOCK_WIRE_UNENCODABLE` for what other nodes cannot be sent; nobody gets it then.
   */
  broadcast(message: T): void;
  /** As `broadcast`, but not to `self`. */
  broadcastFrom(self: Subscriber<never>, message: T): void;
  /** To the subscribers on this node only. */
  localBroadcast(message: T): void;
}

/**
 * Topics that any process may subscribe to and any code broadcast on. A topic is there while it has subscribers.
 *
 * @example
 * const news = pubsub({ name: "news" });
 * const sport = news.topic<string>("sport");
 * const listening = Promise.withResolvers<void>();
 * const fan = spawn<string>(async (self) => {
 *   sport.subscribe(self);
 *   listening.resolve();
 *   console.log(await self.receive()); // a draw
 * });
 * await listening.promise;
 * sport.broadcast("a draw");
 * await monitor(fan);
 * console.log(news.topics()); // []
 */
export function pubsub({ name, adapter = clusterAdapter() }: PubSubOptions): PubSub {
  const hub = (node: LocalNode): Hub => hubOn(node, name, adapter);
  const made: PubSub = {
    name,
    topic: (topic) => new NamedTopic(topic, hub),
    start: () => void hub(currentNode()),
    topics: () => hub(currentNode()).subscriptions.topics,
  };
  hubOf.set(made, hub);
  return made;
}

const hubOf = new WeakMap<PubSub, (node: LocalNode) => Hub>();

/** Has `listener` told whenever a broadcast of `node` reaches a node more, if the adapter hears of that. @returns what ends it. */
export function watchReach(pubsub: PubSub, node: LocalNode, listener: () => void): () => void {
  const listeners = hubOf.get(pubsub)?.(node).reachListeners;
  listeners?.add(listener);
  return () => void listeners?.delete(listener);
}

const hubs = new WeakMap<LocalNode, Map<string, Hub>>();

function hubOn(node: LocalNode, name: string, adapter: PubSubAdapter): Hub {
  const ofNode = hubs.get(node) ?? new Map<string, Hub>();
  hubs.set(node, ofNode);
  const known = ofNode.get(name);
  if (known !== undefined) return known;
  const hub = new Hub(node, name, adapter);
  ofNode.set(name, hub);
  return hub;
}

/** A PubSub on one node. */
class Hub {
  readonly subscriptions = new Subscriptions<LocalPid>();
  readonly reachListeners = new Set<() => void>();
  readonly #link: PubSubLink;
  /** What is told at the end of each subscriber, to be taken back. */
  readonly #ends = new Map<LocalPid, () => void>();

  constructor(node: LocalNode, name: string, adapter: PubSubAdapter) {
    const deliver = (topic: string, message: unknown): void => this.deliver(topic, message, undefined);
    const reached = (): void => {
      for (const listener of this.reachListeners) listener();
    };
    this.#link = adapter.start({ name, node, deliver, reached });
  }

  subscribe(topic: string, pid: LocalPid): void {
    const { process } = pid;
    if (process === undefined || !this.subscriptions.add(topic, pid)) return;
    const ended = (): void => {
      this.#ends.delete(pid);
      this.subscriptions.removeAll(pid);
    };
    this.#ends.set(pid, onEnd(process, ended));
  }

  unsubscribe(topic: string, pid: LocalPid): void {
    if (!this.subscriptions.remove(topic, pid)) return;
    this.#ends.get(pid)?.();
    this.#ends.delete(pid);
  }

  broadcast(topic: string, message: unknown, except: LocalPid | undefined): void {
    // Others first: what cannot be sent to them must not have been delivered here.
    this.#link.broadcast(topic, message);
    this.deliver(topic, message, except);
  }

  deliver(topic: string, message: unknown, except: LocalPid | undefined): void {
    for (const pid of this.subscriptions.to(topic))
      if (pid.process !== undefined && pid !== except) deliverMessage(pid.process, message);
  }
}

class NamedTopic<T> implements Topic<T> {
  readonly name: string;
  readonly #hub: (node: LocalNode) => Hub;

  constructor(name: string, hub: (node: LocalNode) => Hub) {
    this.name = name;
    this.#hub = hub;
  }

  subscribe(self: Subscriber<T>): void {
    const { home, pid } = ownOf(self);
    this.#hub(home).subscribe(this.name, pid);
  }

  unsubscribe(self: Subscriber<T>): void {
    const { home, pid } = ownOf(self);
    this.#hub(home).unsubscribe(this.name, pid);
  }

  broadcast(message: T): void {
    this.#hub(currentNode()).broadcast(this.name, message, undefined);
  }

  broadcastFrom(self: Subscriber<never>, message: T): void {
    const { home, pid } = ownOf(self);
    this.#hub(home).broadcast(this.name, message, pid);
  }

  localBroadcast(message: T): void {
    this.#hub(currentNode()).deliver(this.name, message, undefined);
  }
}

function ownOf(self: Subscriber<never>): { readonly home: LocalNode; readonly pid: LocalPid } {
  const pid: unknown = (self as Subscriber<never> | undefined)?.pid;
  if (pid instanceof LocalPid && !(pid instanceof RemotePid)) return { home: pid.home as LocalNode, pid };
  throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad self: expected a process of this program, got ${pid}`, {
    argument: "self",
    got: String(pid),
    expected: "the self of a process of this program",
  });
}
