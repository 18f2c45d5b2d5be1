/** Who is where, on all nodes of a cluster: keys in topics, each held by a process. @see https://hexdocs.pm/phoenix */
import { type ChildOptions, type ChildSpec, InterlockError, type LocalNode, local, type Pid } from "@interlock/core";
import { callerOf, currentNode, LocalPid, onEnd, RemotePid } from "@interlock/core/distribution";
import { badOption, ClusterError } from "../errors.ts";
import { changesOf } from "../membership/changes.ts";
import type { PubSub, Subscriber } from "../pubsub/pubsub.ts";
import type { Watcher } from "./followers.ts";
import type { NodePresence, PresenceRules } from "./node-presence.ts";
import { presenceOn, presenceServer } from "./presence-server.ts";
import type { Entry } from "./topics.ts";

export interface PresenceOptions {
  /**
   * Of its process on each node, and what makes the presences of several nodes one. Two of one name on a node are one, with the
   * options of the first.
   */
  readonly name: string;
  /** What the nodes tell each other goes over it: presence reaches as far as it does. */
  readonly pubsub: PubSub;
  /** Milliseconds between two heartbeats, by which a node finds out that it has missed something. Default 1 500. */
  readonly heartbeatMs?: number;
  /** Milliseconds of silence after which a node's entries do not count; more than `heartbeatMs`. Default 30 000. */
  readonly downMs?: number;
  /** Milliseconds for which the entries of a node that is gone are kept, should it come back. Default 1 200 000. */
  readonly permdownMs?: number;
  /** On which node of this program it is read. Default: that of the process that calls. */
  readonly node?: LocalNode;
}

/** What has changed in a topic, by key. An update is a leave of the old meta and a join of the new one, in one change. */
export interface PresenceChange<out Meta> {
  readonly joins: ReadonlyMap<string, readonly Meta[]>;
  readonly leaves: ReadonlyMap<string, readonly Meta[]>;
}

/** What a subscriber is sent. */
export interface PresenceEvent<out Meta> extends PresenceChange<Meta> {
  readonly type: "presence";
  readonly topic: string;
}

export interface Presence<Meta> {
  readonly name: string;
  /**
   * Has the key be present in the topic until the process, of this program, ends. A key may be held by many processes, and a
   * process may hold many keys; tracking once more replaces the meta. One that has ended already is not tracked.
   *
   * **Errors** `INTERLOCK_PRESENCE_DOWN` when the presence does not run here, `INTERLOCK_WIRE_UNENCODABLE` for a meta that other
   * nodes cannot be sent, `INTERLOCK_BAD_ARGUMENT`.
   */
  track(pid: Pid, topic: string, key: string, meta: Meta): void;
  /**
   * Replaces the meta. @returns false if the process does not hold the key.
   *
   * **Errors** as `track`.
   */
  update(pid: Pid, topic: string, key: string, meta: Meta): boolean;
  /**
   * Ends what `track` began: of one key, of all keys in a topic, or of all.
   * @returns false if there was nothing. **Errors** `INTERLOCK_BAD_ARGUMENT`
   */
  untrack(pid: Pid, topic?: string, key?: string): boolean;
  /**
   * Who is in the topic now, on all nodes: of each key the metas of those that hold it. It does not change afterwards.
   *
   * **Errors** `INTERLOCK_PRESENCE_DOWN`
   */
  list(topic: string): ReadonlyMap<string, readonly Meta[]>;
  /** The topics that somebody is in now, on any node. **Errors** `INTERLOCK_PRESENCE_DOWN` */
  topics(): readonly string[];
  /**
   * What changes in the topic, from this call on. The first item has everybody who is there as joins, also when that is
   * nobody. What is not read is kept. It ends with the process that calls, and with `signal`.
   */
  changes(topic: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<PresenceChange<Meta>>;
  /** Has `watcher` told of each change from now on, and `list` tells what it begins with. @returns what ends it. */
  watch(topic: string, watcher: (change: PresenceChange<Meta>) => void): () => void;
  /** Has each change from now on sent to the process, until it ends. Asking twice is asking once. */
  subscribe(topic: string, self: Subscriber<PresenceEvent<Meta>>): void;
  unsubscribe(topic: string, self: Subscriber<PresenceEvent<Meta>>): void;
  /** For a supervisor of each node. */
  child(options?: Omit<ChildOptions, "name" | "mailbox">): ChildSpec;
}

const DEFAULT_HEARTBEAT_MS = 1_500;
const DEFAULT_DOWN_MS = 30_000;
const DEFAULT_PERMDOWN_MS = 1_200_000;

/**
 * Who is where: a child for a supervisor on each node, and functions that any code of the node may call; they do not wait for
 * its process. Metas are shared by all that ask: do not change them.
 *
 * Each node tells the others of its own processes, at once; when it goes down, its entries go from all lists. One that comes
 * back tells what has changed meanwhile. Should the process of the presence crash, what is tracked stays tracked.
 *
 * **Errors** `INTERLOCK_NODE_OPTION`
 *
 * @example
 * const online = presence<{ device: string }>({ name: "online", pubsub: pubsub({ name: "site" }) });
 * const sup = supervisor({ name: "site", strategy: "one_for_one", children: () => [online.child()] });
 * await using _ = await sup.start();
 * const ann = spawn<never>(async (self) => void (await self.receive()));
 * online.track(ann, "room:42", "ann", { device: "phone" });
 * console.log(online.list("room:42")); // Map(1) { 'ann' => [ { device: 'phone' } ] }
 * exit(ann, "shutdown");
 * await monitor(ann);
 * console.log(online.list("room:42")); // Map(0) {}
 */
export function presence<Meta = unknown>(options: PresenceOptions): Presence<Meta> {
  return new NamedPresence<Meta>(options);
}

class NamedPresence<Meta> implements Presence<Meta> {
  readonly name: string;
  readonly child: Presence<Meta>["child"];
  readonly #rules: PresenceRules;
  readonly #node: LocalNode | undefined;

  constructor(options: PresenceOptions) {
    this.#rules = checkedRules(options);
    this.name = this.#rules.name;
    this.#node = options.node;
    const server = presenceServer(this.#rules);
    const name = local(this.name);
    this.child = (childOptions) => server.child([], { ...childOptions, name });
  }

  track(pid: Pid, topic: string, key: string, meta: Meta): void {
    const own = ownPid(pid);
    this.#open(own.home as LocalNode, "track").track(own, checkedEntry(topic, key, meta));
  }

  update(pid: Pid, topic: string, key: string, meta: Meta): boolean {
    const own = ownPid(pid);
    return this.#open(own.home as LocalNode, "update").update(own, checkedEntry(topic, key, meta));
  }

  untrack(pid: Pid, topic?: string, key?: string): boolean {
    const own = ownPid(pid);
    return this.#on(own.home as LocalNode).untrack(own, topic, key);
  }

  list(topic: string): ReadonlyMap<string, readonly Meta[]> {
    return this.#open(this.#here, "list").list(topic) as PresenceChange<Meta>["joins"];
  }

  topics(): readonly string[] {
    return this.#open(this.#here, "topics").topics;
  }

  changes(topic: string, { signal }: { readonly signal?: AbortSignal } = {}): AsyncIterable<PresenceChange<Meta>> {
    const { process } = callerOf().pid;
    const ended = new AbortController();
    const watch = (watcher: (change: PresenceChange<Meta>) => void): (() => void) => {
      const end = this.watch(topic, watcher);
      // A process that is killed does not come back to its loop to end it.
      const forget = process && onEnd(process, () => ended.abort());
      watcher({ joins: this.#on(this.#here).list(topic) as PresenceChange<Meta>["joins"], leaves: new Map() });
      return () => {
        forget?.();
        end();
      };
    };
    return changesOf(watch, signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]));
  }

  watch(topic: string, watcher: (change: PresenceChange<Meta>) => void): () => void {
    return this.#on(this.#here).followers.watch(topic, watcher as Watcher);
  }

  subscribe(topic: string, subscriber: Subscriber<PresenceEvent<Meta>>): void {
    const pid = ownPid(subscriber?.pid as Pid);
    this.#on(pid.home as LocalNode).followers.subscribe(topic, pid);
  }

  unsubscribe(topic: string, subscriber: Subscriber<PresenceEvent<Meta>>): void {
    const pid = ownPid(subscriber?.pid as Pid);
    this.#on(pid.home as LocalNode).followers.unsubscribe(topic, pid);
  }

  get #here(): LocalNode {
    return this.#node ?? currentNode();
  }

  #on(node: LocalNode): NodePresence {
    return presenceOn(node, this.#rules);
  }

  #open(node: LocalNode, operation: string): NodePresence {
    const found = this.#on(node);
    if (found.isOpen) return found;
    const { name } = this;
    throw new ClusterError(
      "INTERLOCK_PRESENCE_DOWN",
      `Cannot ${operation}: the presence ${name} does not run on ${node.name}`,
      { presence: name, node: node.name, operation },
    );
  }
}

function ownPid(pid: Pid): LocalPid {
  if (pid instanceof LocalPid && !(pid instanceof RemotePid)) return pid;
  throw badArgument("pid", pid, "a process of this program");
}

function checkedEntry(topic: string, key: string, meta: unknown): Entry {
  if (typeof topic !== "string") throw badArgument("topic", topic, "a text");
  if (typeof key !== "string") throw badArgument("key", key, "a text");
  return { topic, key, meta };
}

function badArgument(argument: string, value: unknown, expected: string): InterlockError<"INTERLOCK_BAD_ARGUMENT"> {
  const got = String(value);
  const text = `Bad ${argument}: expected ${expected}, got ${got}`;
  return new InterlockError("INTERLOCK_BAD_ARGUMENT", text, { argument, got, expected });
}

function checkedRules(options: PresenceOptions): PresenceRules {
  const { name, pubsub } = options;
  if (typeof name !== "string" || name === "") throw badOption("name", String(name), "a text that is not empty");
  if (typeof pubsub?.topic !== "function") throw badOption("pubsub", typeof pubsub, "one that pubsub() has made");
  const heartbeatMs = moreThan(0, "heartbeatMs", options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS);
  return {
    name,
    pubsub,
    heartbeatMs,
    downMs: moreThan(heartbeatMs, "downMs", options.downMs ?? DEFAULT_DOWN_MS),
    permdownMs: moreThan(0, "permdownMs", options.permdownMs ?? DEFAULT_PERMDOWN_MS),
  };
}

function moreThan(least: number, option: string, got: number): number {
  if (Number.isFinite(got) && got > least) return got;
  throw badOption(option, String(got), `milliseconds, more than ${least}`);
}
