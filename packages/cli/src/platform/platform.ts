/** What runs the nodes of a cluster: a launcher on this machine, Kubernetes elsewhere. */
import type { NodeName } from "@interlock/core";

/**
 * `starting`: runs, and has not said that it is ready. `ready`: takes new work. `draining`: finishes what it has and takes
 * nothing new. `stopped`: was asked to end, and has. `failed`: ended by itself, and will be started again.
 */
export type NodeState = "starting" | "ready" | "draining" | "stopped" | "failed";

export interface PlatformNode {
  /** What the platform calls it: `newsroom-1`. Stays the same when it is started again. */
  readonly id: string;
  /** What the cluster calls it: `newsroom-1@127.0.0.1`. */
  readonly name: NodeName;
  readonly state: NodeState;
  /** Why it is in that state, in words: `ended with code 1; starts again in 4 s`. */
  readonly reason: string | undefined;
  /** The operating-system process; undefined when none runs. */
  readonly pid: number | undefined;
  /** Where it serves HTTP, as it said itself; undefined until it is ready. */
  readonly url: string | undefined;
  /** How often it was started again after it had ended by itself. */
  readonly restarts: number;
  /** Since when it is in that state, in milliseconds of the Unix epoch. */
  readonly since: number;
}

/** What the platform gives to a node. */
export interface LaunchedNode {
  readonly id: string;
  readonly name: NodeName;
  readonly cookie: string;
  /** The name server that all nodes of this platform share: `createNode({ epmd })`. */
  readonly epmd: { readonly host: string; readonly port: number };
}

/** What to run, and how many of it. */
export interface NodeSpec {
  /** Nodes are called `<app>-1`, `<app>-2`, …; letters, digits and dashes. */
  readonly app: string;
  /** The program of a node: a file. */
  readonly entry: URL | string;
  readonly nodes: number;
  /** Added to the environment of every node, beside what the platform gives it. */
  readonly env?: Readonly<Record<string, string>> | ((id: string) => Readonly<Record<string, string>>);
}

/** What a person, or a page's button, may do to single nodes. */
export interface NodeControl {
  /** Ends the node as a power cut would (SIGKILL). It is started again, as after any crash. **Errors** `INTERLOCK_NO_SUCH_NODE` */
  kill(id: string): Promise<void>;
  /**
   * Ends the node politely: it is told (SIGTERM), drains, and is killed only after its grace. It stays stopped. Resolves
   * when it is told. **Errors** `INTERLOCK_NO_SUCH_NODE`
   */
  stop(id: string): Promise<void>;
  /** Starts a node that was stopped, or one that waits for its next attempt. **Errors** `INTERLOCK_NO_SUCH_NODE` */
  startAgain(id: string): Promise<void>;
}

export interface Platform extends NodeControl, AsyncDisposable {
  /** Makes it so many nodes of that program. Resolves when they are under way, not when they are ready. */
  start(spec: NodeSpec): Promise<void>;
  /** All nodes as they are now, in the order of their numbers. */
  nodes(): readonly PlatformNode[];
  /** Calls `changed` with each node that changes, and with its last state when it leaves. @returns what ends it. */
  watch(changed: (node: PlatformNode) => void): () => void;
  /** What a program needs to join the nodes under a name of its own, as the one that runs them may: a database, say. */
  guest(id: string): LaunchedNode;
  /** More nodes, or fewer: those with the highest numbers are stopped politely and then forgotten. */
  scale(nodes: number): Promise<void>;
  /**
   * Stops all nodes politely and resolves when they have ended. Called again meanwhile it hurries: a second time they are
   * told again and have little time left, a third time they are killed.
   */
  close(): Promise<void>;
}
