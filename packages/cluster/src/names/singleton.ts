/** Singletons: of a server that every node could run, exactly one runs in the cluster. */
import {
  type ChildOptions,
  type ChildSpec,
  InterlockError,
  type LocalNode,
  local,
  type Name,
  type NodeName,
} from "@interlock/core";
import { type Away, currentNode, type LocalPid, NameBase, type Process } from "@interlock/core/distribution";
import { ClusterError, type ClusterErrorDetails } from "../errors.ts";
import { type LeaseTiming, leaseTiming } from "../lease/elector.ts";
import type { Leases } from "../lease/lease.ts";
import { Nowhere } from "./nowhere.ts";
import { SingletonChild, type SingletonPlan } from "./singleton-child.ts";
import { standingOf } from "./standing.ts";

export interface SingletonOptions<Args extends readonly unknown[]> extends Partial<LeaseTiming> {
  /** Of the lease, and of the server on the node where it runs: there it is `local(name)`. */
  readonly name: string;
  /** What runs once: a `genServer`, a `genStatem`, a `supervisor`. */
  readonly server: { child(args: Args, options?: ChildOptions): ChildSpec };
  /** Of the server's init; as a function it is given the fencing token of the term. */
  readonly args: Args | ((token: number) => Args);
  readonly leases: Leases;
  /** Restarts of the server in place, under the same lease … Default 1. */
  readonly intensity?: number;
  /** … within so many milliseconds. More of them, and the lease is released. Default 5 000. */
  readonly periodMs?: number;
  /** For the server to stop when that is planned. Default 5 000; never longer than the lease lasts. */
  readonly shutdownMs?: number;
}

/** A name that leads to the one server, wherever it runs. */
export interface Singleton extends Name {
  readonly name: string;
  /** For a supervisor on every node that may run the server: takes part in the election, and runs the server when elected. */
  child(options?: Pick<ChildOptions, "id" | "restart">): ChildSpec;
  /** The node where it runs, as this one knows; undefined during a hand-over. */
  readonly holder: NodeName | undefined;
  /**
   * The fencing token of the running term. To be sent with everything that is written outside: whoever keeps it refuses a
   * token lower than one that it has seen.
   *
   * **Errors** `INTERLOCK_SINGLETON` when this node does not hold the lease (any more).
   */
  readonly token: number;
}

/**
 * A server of which one runs in the whole cluster, on a node that holds the lease of that name. Should the node die, leave or
 * lose the lease, another one starts it: at once when it was stopped, after `durationMs` (default 15 000) when it was lost.
 * A node that cannot renew stops the server before the lease runs out.
 *
 * Calls go to the holder. During a hand-over they fail with `INTERLOCK_SINGLETON`, `INTERLOCK_NOPROC` or
 * `INTERLOCK_NOCONNECTION`, and never wait for it.
 *
 * @see https://doc.akka.io/libraries/akka-core/current/typed/cluster-singleton.html
 *
 * @example
 * const Printer = genServer({
 *   name: "printer",
 *   init: (token: number) => ({ token }),
 *   calls: { print: ({ state }, text: string) => reply(`${text}, by token ${state.token}`) },
 * });
 * const thePrinter = singleton({ name: "printer", server: Printer, args: (token) => [token], leases: memoryLeases() });
 * const Top = supervisor({ name: "top", strategy: "one_for_one", children: () => [thePrinter.child()] });
 * await using top = await Top.start();
 * while (thePrinter.holder === undefined) await new Promise((soon) => setImmediate(soon));
 * console.log(await Printer.at(thePrinter).call.print("hello")); // hello, by token 1
 */
export function singleton<Args extends readonly unknown[]>(options: SingletonOptions<Args>): Singleton {
  const { args, intensity = 1, leases, name, periodMs = 5_000, server, shutdownMs = 5_000 } = options;
  const plan: SingletonPlan = {
    name,
    lease: leases.lease(name),
    timing: leaseTiming(options),
    intensity,
    periodMs,
    server: (token) => server.child(typeof args === "function" ? args(token) : args, { name: local(name), shutdownMs }),
  };
  return new SingletonName(plan);
}

class SingletonName extends NameBase implements Singleton {
  readonly #plan: SingletonPlan;

  constructor(plan: SingletonPlan) {
    super();
    this.#plan = plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  // What is sent during a hand-over vanishes, as what is sent to another node.
  override get silent(): boolean {
    return true;
  }

  child(options: Pick<ChildOptions, "id" | "restart"> = {}): ChildSpec {
    // Its terminate knows how long it may take.
    return SingletonChild.child([this.#plan], { id: this.name, ...options, shutdownMs: "infinity" });
  }

  get holder(): NodeName | undefined {
    return standingOf(currentNode(), this.name)?.holder;
  }

  get token(): number {
    const token = standingOf(currentNode(), this.name)?.token;
    if (token === undefined) throw this.#error("not_held");
    return token;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    return standingOf(node, this.name)?.token === undefined ? undefined : node.names.get(this.name)?.pid;
  }

  override away(node: LocalNode): Away {
    const standing = standingOf(node, this.name);
    const holder = standing?.holder;
    if (holder !== undefined && holder !== node.name && node.network !== undefined)
      return { route: node.network.routeTo(holder), to: this.name };
    const problem = standing === undefined ? "not_started" : holder === node.name ? "starting" : "no_holder";
    return { route: new Nowhere(() => this.#error(problem)), to: this.name };
  }

  register(_process: Process): void {
    throw new InterlockError(
      "INTERLOCK_BAD_ARGUMENT",
      `Bad argument: ${this} is no name to start under: start its child`,
      {
        argument: "name",
        got: this.toString(),
        expected: "a name to start under",
      },
    );
  }

  unregister(): void {}

  toString(): string {
    return `singleton(${JSON.stringify(this.name)})`;
  }

  #error(problem: ClusterErrorDetails["INTERLOCK_SINGLETON"]["problem"]): ClusterError<"INTERLOCK_SINGLETON"> {
    const text = {
      not_started: "its child does not run on this node",
      no_holder: "no node holds it now",
      starting: "it is starting",
      not_held: "this node does not hold it",
    };
    const details = { singleton: this.name, problem };
    return new ClusterError("INTERLOCK_SINGLETON", `Cannot use ${this}: ${text[problem]}`, details);
  }
}
