/** A node as part of a cluster: what its program sees of the other members. */
import {
  type AnyGenServer,
  type LocalNode,
  local as localName,
  monitor,
  type NodeName,
  type SupervisorRef,
  supervisor,
  unowned,
} from "@interlock/core";
import { callerOf, onEnd, spawnProcess } from "@interlock/core/distribution";
import { Arbiter, type ArbiterOptions, type ArbiterStatus } from "../arbiter/arbiter.ts";
import { Discoverer } from "../discovery/discoverer.ts";
import type { Discovery } from "../discovery/discovery.ts";
import type { DiscoveryStatus } from "../discovery/findings.ts";
import { badOption } from "../errors.ts";
import { standDown } from "../node/attached.ts";
import { suspension } from "../node/halt.ts";
import type { ClusterNode } from "../node/node.ts";
import { type NodeParts, partsOf } from "../node/parts.ts";
import { changesOf } from "./changes.ts";
import { MEMBERSHIP, type MembershipInputs, membershipServer } from "./server.ts";
import type { MembershipChange, MembershipRules, MembershipState } from "./state.ts";
import { type Difference, isLive, type Member, type View, viewDifferences, viewOf } from "./view.ts";

export interface JoinClusterOptions {
  /** How other nodes are found; what any of them finds counts. */
  readonly discovery: readonly Discovery[];
  /** Nodes with other names for their cluster are left alone. Default `default`. */
  readonly name?: string;
  /** How many nodes, this one among them, must answer before one of them begins a cluster. 1: it may be alone. Default 2. */
  readonly requiredContactPoints?: number;
  /** Milliseconds for which they must have been the same. Default 5 000. */
  readonly stableMarginMs?: number;
  /** Whether this node may begin a cluster, not only join one. Default true. */
  readonly newClusterEnabled?: boolean;
  /**
   * A lease that decides who begins the cluster, and which side goes on when nodes are cut off from each other. Without it every
   * side goes on.
   */
  readonly arbiter?: ArbiterOptions;
  /** Milliseconds between two looks, and between two comparisons of views; in a cluster looks are 5 times as rare. Default 1 000. */
  readonly intervalMs?: number;
  /** Milliseconds that discovery may take for one look. Default 5 000. */
  readonly lookupMs?: number;
  /** Milliseconds that a leaving node waits for the others to hear of it, twice. Default 5 000. */
  readonly leaveMs?: number;
  /** Milliseconds for which `view()` shows who has left or is down. Default 300 000. */
  readonly forgetMs?: number;
}

/** Whether the members agree on who they are. Those that are cut off say nothing: each part may agree within itself. */
export interface Agreement {
  readonly agreed: boolean;
  /** Members with another view; the differences once they have been asked for. */
  readonly differing: readonly { readonly node: NodeName; readonly differences: readonly Difference[] | undefined }[];
}

export interface Cluster extends AsyncDisposable {
  readonly node: NodeName;
  /** Those that take part now, this node among them: joining, up and leaving ones. Empty while it is in no cluster. */
  members(): readonly Member[];
  /** All that is known, those that have left or went down a short while ago too. */
  view(): View;
  agreement(): Agreement;
  /** What each strategy finds, and how often it has failed. */
  discovery(): readonly DiscoveryStatus[];
  /** Which side of a split this node is on. Undefined without an arbiter. */
  arbiter(): ArbiterStatus | undefined;
  /** Why this node is in no cluster yet; undefined once it is. */
  waitingFor(): string | undefined;
  /** Resolves when this node is up. Rejects if it leaves before. */
  joined(): Promise<void>;
  /**
   * Every change from now on, until the node has left, `signal` is aborted or the calling process has ended. What is not read
   * is kept.
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<MembershipChange>;
  /** Has `watcher` told of every change. @returns what ends it. */
  watch(watcher: (change: MembershipChange) => void): () => void;
  /**
   * This node goes soon: it takes over no singleton any more, and keeps those that it has until they are stopped. So of several
   * nodes that go at the same time none passes them on to another one of these.
   */
  standDown(): void;
  /** Says to all that this node goes, and resolves when they have heard it or `leaveMs` has passed. The node stays connected. */
  leave(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_STABLE_MARGIN_MS = 5_000;
const DEFAULT_LOOKUP_MS = 5_000;
const DEFAULT_LEAVE_MS = 5_000;
const DEFAULT_FORGET_MS = 300_000;
const DEFAULT_CONTACT_POINTS = 2;
const JOIN_MS = 10_000;
const MOST_RESTARTS = 5;
const RESTARTS_WITHIN_MS = 10_000;
/** In a cluster discovery only serves those that were missed. */
const SLOWER = 5;

/**
 * Makes a node part of the cluster of the nodes that `discovery` finds: it joins the one that is there, or, if there is none
 * and the same nodes have been found for a while by all of them, the one with the lowest name begins it.
 *
 * A node that discovery does not find itself never begins a cluster. A strategy that fails changes nothing; one that finds
 * fewer nodes than before ends no connection: members leave by `leave()`, or are down when their connection ends. Clusters
 * of one name that were begun apart are one when their nodes meet.
 *
 * **Errors** `INTERLOCK_NODE_OPTION`, for a node that is part of a cluster already too.
 *
 * @example
 * await using node = await createNode({ name: "a@127.0.0.1", cookie: "a secret", epmd: { port: 14_372 } });
 * await using cluster = await joinCluster(node, {
 *   discovery: [localNodes()],
 *   requiredContactPoints: 1, // It may be alone.
 *   stableMarginMs: 0,
 * });
 * const end = cluster.watch(({ member, from }) => console.log(member.node, from, member.state)); // a@127.0.0.1 undefined up
 * await cluster.joined();
 * end();
 * console.log(cluster.agreement().agreed); // true
 */
export async function joinCluster(node: ClusterNode, options: JoinClusterOptions): Promise<Cluster> {
  const parts = partsOf(node);
  if (parts === undefined) throw badOption("node", node.name, "one that createNode has made");
  if (parts.local.names.has(MEMBERSHIP)) throw badOption("node", node.name, "one that is part of no cluster yet");
  const cluster = new RunningCluster(parts, node.name, options);
  await cluster.start();
  return cluster;
}

class RunningCluster implements Cluster {
  readonly node: NodeName;
  readonly #parts: NodeParts;
  readonly #rules: MembershipRules;
  readonly #intervalMs: number;
  readonly #discoverer: Discoverer;
  readonly #arbiter: Arbiter | undefined;
  readonly #watching = new Set<(change: MembershipChange) => void>();
  /** The others have heard that this node leaves. */
  readonly #heard = Promise.withResolvers<void>();
  readonly #left = new AbortController();
  #state: MembershipState | undefined;
  #view: View = viewOf(undefined, []);
  #inputs: MembershipInputs | undefined;
  #supervisor: SupervisorRef | undefined;
  #leaving: Promise<void> | undefined;

  constructor(parts: NodeParts, node: NodeName, options: JoinClusterOptions) {
    const { local, ports, epmd } = parts;
    this.node = node;
    this.#parts = parts;
    this.#intervalMs = positive("intervalMs", options.intervalMs ?? DEFAULT_INTERVAL_MS, 1);
    this.#rules = {
      name: options.name ?? "default",
      requiredContactPoints: positive(
        "requiredContactPoints",
        options.requiredContactPoints ?? DEFAULT_CONTACT_POINTS,
        1,
      ),
      stableMarginMs: positive("stableMarginMs", options.stableMarginMs ?? DEFAULT_STABLE_MARGIN_MS, 0),
      newClusterEnabled: options.newClusterEnabled ?? true,
      arbitrated: options.arbiter !== undefined,
      dialMs: this.#intervalMs,
      joinMs: JOIN_MS,
      leaveMs: positive("leaveMs", options.leaveMs ?? DEFAULT_LEAVE_MS, 0),
      forgetMs: positive("forgetMs", options.forgetMs ?? DEFAULT_FORGET_MS, 0),
    };
    this.#arbiter = options.arbiter && this.#arbiterOf(options.arbiter);
    if (options.discovery.length === 0) throw badOption("discovery", "none", "at least one strategy");
    this.#discoverer = new Discoverer({
      strategies: options.discovery,
      local,
      context: { node, ports, clock: local.runtime.clock, epmd },
      intervalMs: () => (this.#view.cluster === undefined ? this.#intervalMs : this.#intervalMs * SLOWER),
      lookupMs: positive("lookupMs", options.lookupMs ?? DEFAULT_LOOKUP_MS, 1),
      found: () => this.#inputs?.found(),
    });
  }

  #arbiterOf(options: ArbiterOptions): Arbiter {
    const { local } = this.#parts;
    try {
      return new Arbiter(options, {
        local,
        tell: (nodes, message) => this.#inputs?.tell(nodes, message),
        changed: () => this.#inputs?.arbitrated(),
      });
    } catch (error) {
      if (error instanceof RangeError)
        throw badOption("arbiter", error.message, "times that do not contradict each other");
      throw error;
    }
  }

  async start(): Promise<void> {
    const { kernel, local } = this.#parts;
    if (this.#arbiter !== undefined) this.#arbiter.start();
    // It may have left another cluster, which let it do nothing unique any more.
    else if (suspension.isHalted(local)) suspension.goOn(local);
    const server = membershipServer({
      local,
      kernel,
      rules: this.#rules,
      tickMs: this.#intervalMs,
      findings: this.#discoverer.findings,
      arbiter: this.#arbiter,
      begun: (inputs) => this.#begun(inputs),
      changed: (state, changes) => this.#changed(state, changes),
      left: () => this.#heard.resolve(),
      stopped: () => void this.leave(),
    });
    this.#supervisor = await startSupervised(local, server);
    // It gives up when its child fails too often: then nobody is left to say goodbye, nor who is missing.
    void monitor(this.#supervisor.pid).then(() => {
      this.#left.abort();
      void this.#arbiter?.halt();
    });
    this.#discoverer.start();
  }

  /** The process begins, perhaps anew: what the last one knew is to be learned again. */
  #begun(inputs: MembershipInputs): void {
    this.#inputs = inputs;
    const known = this.#view.members.filter((member) => isLive(member) && member.node !== this.node);
    this.#view = viewOf(undefined, []);
    for (const member of known) this.#publish({ member: { ...member, state: "down" }, from: member.state });
    if (this.#leaving !== undefined) inputs.leave();
  }

  #changed(state: MembershipState, changes: readonly MembershipChange[]): void {
    this.#state = state;
    this.#view = state.view;
    for (const change of changes) this.#publish(change);
  }

  #publish(change: MembershipChange): void {
    for (const watcher of [...this.#watching]) {
      try {
        unowned(() => watcher(change));
      } catch (details) {
        const { local } = this.#parts;
        const at = local.runtime.clock.wallTime();
        const label = `${this.node} membership`;
        local.report({ type: "warning", pid: undefined, label, text: "a watcher failed", details, at });
      }
    }
  }

  members(): readonly Member[] {
    return this.#view.members.filter(isLive);
  }

  view(): View {
    return this.#view;
  }

  agreement(): Agreement {
    const differing = (this.#state?.differing ?? []).map(({ node, view }) => ({
      node,
      differences: view === undefined ? undefined : viewDifferences(this.#view, view),
    }));
    return { agreed: this.#view.cluster !== undefined && differing.length === 0, differing };
  }

  discovery(): readonly DiscoveryStatus[] {
    return this.#discoverer.status();
  }

  arbiter(): ArbiterStatus | undefined {
    return this.#arbiter?.status();
  }

  waitingFor(): string | undefined {
    return this.#state?.waitingFor;
  }

  joined(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state?.standing === "up") return resolve();
      const end = this.watch(({ member }) => {
        if (member.node !== this.node || member.state !== "up") return;
        end();
        resolve();
      });
      const left = (): void => {
        end();
        reject(new Error(`${this.node} has left before it was up`));
      };
      if (this.#left.signal.aborted) left();
      else this.#left.signal.addEventListener("abort", left, { once: true });
    });
  }

  changes(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<MembershipChange> {
    const ends = [this.#left.signal, ...(options.signal === undefined ? [] : [options.signal])];
    const { process } = callerOf().pid;
    const watch = (watcher: (change: MembershipChange) => void): (() => void) => {
      const end = this.watch(watcher);
      // A process that is killed while it waits never comes to the end of its loop.
      const forget = process && onEnd(process, end);
      return () => {
        forget?.();
        end();
      };
    };
    return changesOf(watch, AbortSignal.any(ends));
  }

  watch(watcher: (change: MembershipChange) => void): () => void {
    // Of its own: the same function may watch twice.
    const own = (change: MembershipChange): void => watcher(change);
    this.#watching.add(own);
    return () => this.#watching.delete(own);
  }

  standDown(): void {
    standDown(this.#parts.local);
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const stopped = this.#discoverer.stop();
    this.#inputs?.leave();
    this.#left.signal.addEventListener("abort", () => this.#heard.resolve(), { once: true });
    if (!this.#left.signal.aborted) await this.#heard.promise;
    await this.#supervisor?.[Symbol.asyncDispose]();
    // Last: until the others have heard that it goes, it is one of those that decide.
    await Promise.all([stopped, this.#arbiter?.stop()]);
    this.#left.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

/** Starts the server under a supervisor of its own, among the processes of `local`. */
function startSupervised(local: LocalNode, server: AnyGenServer): Promise<SupervisorRef> {
  const sup = supervisor({
    name: "membership_sup",
    strategy: "one_for_one",
    intensity: MOST_RESTARTS,
    periodMs: RESTARTS_WITHIN_MS,
    children: () => [server.child([], { name: localName(MEMBERSHIP) })],
  });
  return new Promise((resolve, reject) => {
    const start = async (): Promise<void> => {
      try {
        resolve(await sup.start());
      } catch (error) {
        reject(error as Error);
      }
    };
    spawnProcess(local, start, undefined, false, undefined);
  });
}

function positive(option: string, got: number, least: number): number {
  if (Number.isFinite(got) && got >= least) return got;
  throw badOption(option, String(got), `a number of at least ${least}`);
}
