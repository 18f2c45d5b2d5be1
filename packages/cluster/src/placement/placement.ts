/** Placed processes: one server for each key, on one of the nodes, found from all of them, handed over when its node goes. */
import {
  type AnyGenServer,
  type ChildOptions,
  type ChildSpec,
  dynamicSupervisor,
  type GenServer,
  genServer,
  type Ignore,
  ignore,
  type LocalNode,
  local,
  type Name,
  type NodeName,
  noreply,
  type Pid,
  type Ready,
  type RefOf,
  type StateOf,
  type Supervisor,
  type SystemMessage,
  self,
  supervisor,
} from "@interlock/core";
import { callingProcess, currentNode, deliverCast, type LocalPid, type Process } from "@interlock/core/distribution";
import { badOption } from "../errors.ts";
import type { Cluster } from "../membership/cluster.ts";
import { isLive } from "../membership/view.ts";
import { suspension } from "../node/halt.ts";
import { gatekeeper } from "./gatekeeper.ts";
import { fnv1a64, mix64 } from "./hash64.ts";
import { hostName, hostOn, PlacementHost } from "./host.ts";
import { PlacedName, pidAt } from "./placed-name.ts";
import type { Beginning } from "./placed-processes.ts";
import type { PlacementPlan, PlacementStore } from "./plan.ts";
import { type DrainResult, unusable } from "./tally.ts";

type ArgsOf<G> = G extends GenServer<infer Args, infer _S, infer _C, infer _D, infer _I> ? Args : never;
type MaybePromise<T> = T | Promise<T>;
type Restored<S> = MaybePromise<S | Ready<S, readonly [string, ...unknown[]]>>;

export interface PlacementBase<G extends AnyGenServer, Key extends string> {
  /** Of the placement: the same on all nodes. */
  readonly name: string;
  readonly server: G;
  /** Of the server's init, for a key that starts afresh. */
  readonly args: (key: Key) => Readonly<ArgsOf<G>>;
  /** After a crash: `transient` starts it again in place, `temporary` when it is used next. Default `transient`. */
  readonly restart?: "transient" | "temporary";
  /** Restarts of a key in place … Default 3. */
  readonly intensity?: number;
  /** … within so many milliseconds; after more it waits until it is used again. Default 5 000. */
  readonly periodMs?: number;
  /** Milliseconds between `"shutdown"` and `"kill"`. Default 5 000. */
  readonly shutdownMs?: number;
  /** Keys that are started, and handed over, at the same time on one node. Default 16. */
  readonly concurrency?: number;
  /** The more, the earlier a key is handed over. Default: all alike. */
  readonly priority?: (key: Key) => number;
  /** Whether keys move to a host that joins, to which they would have gone had it been there. Default false. */
  readonly rebalance?: boolean;
  /** Whether keys of a node that has died start elsewhere at once, and not only when they are used next. Default false. */
  readonly eager?: boolean;
  /** Keeps what no other node takes in time. */
  readonly store?: PlacementStore;
  /** Milliseconds that a node may take to begin a process that is handed over, before another one is asked. Default 5 000. */
  readonly takeMs?: number;
  /** Milliseconds for handing over when the child is stopped. Default 20 000. */
  readonly drainMs?: number;
  /** Messages to one key that wait, on each node, while it starts or moves. Default 10 000. */
  readonly capacity?: number;
}

/**
 * What becomes of a key when its node goes as planned. `move`: its process goes on elsewhere with its state and its mailbox,
 * `snapshot`: with what `restore` makes of the snapshot, `restart`: afresh, with its mailbox; `none`: it ends, and starts
 * afresh when it is used next.
 */
export type Handoff<S, Snapshot, Key extends string> =
  | {
      readonly handoff: "move";
      /** Runs as the next process' init, after `codeChange` if the versions differ. Timers and monitors are made anew here. */
      readonly restore?: (state: S, key: Key) => Restored<S>;
    }
  | {
      readonly handoff: "snapshot";
      /** Runs in the process, after its last message. */
      readonly snapshot: (state: S) => MaybePromise<Snapshot>;
      /** Runs as the next process' init. */
      readonly restore: (snapshot: NoInfer<Snapshot>, key: Key) => Restored<S>;
    }
  | { readonly handoff: "restart" | "none" };

export type PlacementOptions<G extends AnyGenServer, Key extends string, Snapshot> = PlacementBase<G, Key> &
  Handoff<StateOf<G>, Snapshot, Key>;

export interface PlacementChildOptions extends Pick<ChildOptions, "id" | "restart"> {
  /** Whether keys are placed on this node. Default true; false only uses those of the others. */
  readonly hosts?: boolean;
}

export interface PlacedKey<Key extends string> {
  readonly key: Key;
  readonly pid: Pid | undefined;
}

export interface Placement<G extends AnyGenServer, Key extends string> {
  readonly name: string;
  /** For a supervisor on every node that runs or uses the servers. */
  child(cluster: Cluster, options?: PlacementChildOptions): ChildSpec;
  /** The server of `key`: it is started by the first use. */
  at(key: Key): RefOf<G>;
  /** Its name, for `send`, `sendAfter`, `monitor`, `at`. */
  named(key: Key): Name;
  /** Where it runs, as this node knows; undefined if it does not. Starts nothing. */
  whereis(key: Key): Pid | undefined;
  /** All keys that run or start somewhere. **Errors** `INTERLOCK_PLACEMENT` */
  keys(): readonly Key[];
  /** Those of this node. **Errors** `INTERLOCK_PLACEMENT` */
  local(): readonly PlacedKey<Key>[];
  /** The nodes that take part. **Errors** `INTERLOCK_PLACEMENT` */
  hosts(): readonly {
    readonly node: NodeName;
    readonly hosts: boolean;
    readonly ready: boolean;
    readonly leaving: boolean;
  }[];
  /**
   * Hands over all keys of this node, which takes none any more. Resolves when that is done, at the latest after `deadlineMs`
   * (default `drainMs`); what could not be handed over by then has ended. The child does so by itself when it is stopped.
   *
   * **Errors** `INTERLOCK_PLACEMENT`
   */
  drain(options?: { readonly deadlineMs?: number }): Promise<DrainResult>;
}

/**
 * Servers with a key, each on one node of those that run the placement's child: where rendezvous hashing puts it. Any node
 * reaches it by its key. When its node leaves, it is handed over.
 *
 * Between nodes that are cut off from each other both sides may run a key; when they meet again, one of the two ends. What
 * must never run twice is a `singleton`.
 *
 * @example
 * const Room = genServer({
 *   name: "room",
 *   init: (name: string): readonly string[] => [`welcome to ${name}`],
 *   calls: {
 *     say({ state }, text: string) {
 *       return reply(state.length, [...state, text]);
 *     },
 *   },
 * });
 * const rooms = placement({ name: "rooms", server: Room, args: (key: string) => [key], handoff: "move" });
 * await using node = await createNode({ name: "a@127.0.0.1", cookie: "a secret", epmd: { port: 14_373 } });
 * await using cluster = await joinCluster(node, {
 *   discovery: [localNodes()],
 *   requiredContactPoints: 1,
 *   stableMarginMs: 0,
 * });
 * // On each node that runs rooms, or uses them.
 * const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [rooms.child(cluster)] });
 * await Top.start();
 * console.log(await rooms.at("town").call.say("hello")); // 1
 * console.log(rooms.whereis("town")?.node); // a@127.0.0.1
 */
export function placement<G extends AnyGenServer, Key extends string = string, Snapshot = never>(
  options: PlacementOptions<G, Key, Snapshot>,
): Placement<G, Key> {
  return new NamedPlacement<G, Key>(planOf(options as never));
}

const DEFAULTS = {
  restart: "transient",
  intensity: 3,
  periodMs: 5_000,
  shutdownMs: 5_000,
  concurrency: 16,
  priority: () => 0,
  rebalance: false,
  eager: false,
  takeMs: 5_000,
  drainMs: 20_000,
  capacity: 10_000,
} as const;

function planOf(options: Omit<PlacementPlan, "version">): PlacementPlan {
  const { handoff, name, server } = options;
  if (typeof name !== "string" || name === "") throw badOption("name", String(name), "a text that is not empty");
  if (!["move", "snapshot", "restart", "none"].includes(handoff))
    throw badOption("handoff", String(handoff), "move, snapshot, restart or none");
  const plan = { ...DEFAULTS, ...options, version: server.module.version ?? "0" };
  for (const option of ["intensity", "periodMs", "shutdownMs", "takeMs", "drainMs", "capacity"] as const)
    if (!(plan[option] >= 0)) throw badOption(option, String(plan[option]), "a number, 0 or more");
  if (!Number.isInteger(plan.concurrency) || plan.concurrency < 1)
    throw badOption("concurrency", String(plan.concurrency), "a whole number, 1 or more");
  return plan;
}

class NamedPlacement<G extends AnyGenServer, Key extends string> implements Placement<G, Key> {
  readonly #plan: PlacementPlan;

  constructor(plan: PlacementPlan) {
    this.#plan = plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  child(cluster: Cluster, { hosts = true, ...options }: PlacementChildOptions = {}): ChildSpec {
    const plan = this.#plan;
    const { module } = plan.server;
    const placed: GenServer<[Beginning], unknown, unknown, unknown, never> = genServer({
      ...module,
      init: (beginning: Beginning) => beginning(),
    });
    // Several: one whose child's init waits starts no other meanwhile.
    const supervisors = Array.from({ length: plan.concurrency }, () =>
      dynamicSupervisor<[Beginning], { readonly pid: Pid }>(placed, {
        restart: "temporary",
        shutdownMs: plan.shutdownMs,
      }),
    );
    // A key's always under the same: what that says of its end comes before what it says of its next start.
    const startChild = (key: string, beginning: Beginning): Promise<{ readonly pid: Pid }> =>
      (supervisors[mix64(fnv1a64(key)).low % supervisors.length] as (typeof supervisors)[0]).startChild(beginning);
    const host = hostServer(
      plan,
      cluster,
      (process) => new PlacementHost(self(), process, { plan, hosts, startChild }),
    );
    const top: Supervisor<[]> = supervisor({
      name: `${plan.name}_placement`,
      // A host that has ended has ended its processes: it begins with none.
      strategy: "one_for_all",
      children: () => [
        ...supervisors.map((processes, at) => processes.child([], { id: `processes ${at + 1}` })),
        host.child([], { id: "host", name: local(hostName(plan.name)) }),
        // Stopped first, while the host still hears the others.
        drainServer(plan).child([], { id: "drain", shutdownMs: "infinity" }),
        gatekeeper(plan.name, "host", (parent) => top.at(parent)).child([], { id: "gatekeeper" }),
      ],
    });
    return top.child([], { id: plan.name, ...options });
  }

  at(key: Key): RefOf<G> {
    return this.#plan.server.at(this.named(key)) as RefOf<G>;
  }

  named(key: Key): Name {
    if (typeof key !== "string") throw badOption("key", String(key), "a text");
    return new PlacedName(this.name, key);
  }

  whereis(key: Key): Pid | undefined {
    return pidAt(currentNode(), this.name, key);
  }

  keys(): readonly Key[] {
    return this.#host.state.keys as readonly Key[];
  }

  local(): readonly PlacedKey<Key>[] {
    const { state } = this.#host;
    return state.own.map((key) => ({ key: key as Key, pid: state.entry(key)?.pid as Pid | undefined }));
  }

  hosts(): readonly {
    readonly node: NodeName;
    readonly hosts: boolean;
    readonly ready: boolean;
    readonly leaving: boolean;
  }[] {
    return this.#host.state.hosts.infos.map(({ hosts, leaving, node, ready }) => ({ node, hosts, ready, leaving }));
  }

  async drain({ deadlineMs = this.#plan.drainMs }: { readonly deadlineMs?: number } = {}): Promise<DrainResult> {
    const host = this.#host;
    await host.drain(deadlineMs);
    return host.tally.result;
  }

  get #host(): PlacementHost {
    const node = currentNode();
    const host = hostOn(node, this.name);
    if (host === undefined) throw unusable(this.name, node);
    return host;
  }
}

/** The process of a host: hears what other hosts say, and who comes and goes. */
function hostServer(plan: PlacementPlan, cluster: Cluster, begin: (process: Process) => PlacementHost): AnyGenServer {
  return genServer({
    name: `${plan.name}_host`,
    init(): PlacementHost | Ignore {
      const process = callingProcess("a placement");
      if (suspension.isHalted(process.node)) return ignore();
      const meet = (node: NodeName): void => deliverCast(process, "met", [node]);
      const host = begin(process);
      const unwatch = cluster.watch(({ member }) => isLive(member) && meet(member.node));
      self().own({ close: unwatch });
      cluster.joined().then(
        () => deliverCast(process, "joined", []),
        () => undefined, // The node has left: nobody is to be met.
      );
      return host;
    },
    casts: {
      told({ state: host }, from: LocalPid, said: unknown) {
        host.told(from, said);
        return noreply();
      },
      met({ state: host }, node: NodeName) {
        host.act(host.state.met(node));
        return noreply();
      },
      joined({ state: host }) {
        for (const { node } of cluster.members()) host.act(host.state.met(node));
        host.act(host.state.metAll());
        return noreply();
      },
    },
    info({ state: host }, message: SystemMessage) {
      if (message?.type === "DOWN") host.down(message.ref);
      return noreply();
    },
    formatStatus: ({ state }) => ({ keys: state.keys.length, own: state.own, unanswered: state.unanswered }),
  });
}

function drainServer(plan: PlacementPlan): AnyGenServer {
  return genServer({
    name: `${plan.name}_drain`,
    init(): LocalNode {
      self().trapExit();
      return currentNode();
    },
    info: () => noreply(),
    terminate: async ({ state: node }) => {
      await hostOn(node, plan.name)?.drain(plan.drainMs);
    },
  });
}
