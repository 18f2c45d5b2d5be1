/** A node of a cluster: its name, its listener, its connections. @see net_kernel(3) */
import { type AnyGenServer, defaultNode, type LocalNode, type NodeName } from "@interlock/core";
import { addressOf, Directory } from "../epmd/directory.ts";
import { badOption, ClusterError } from "../errors.ts";
import { offerInspection } from "../inspection/inspection.ts";
import type { GlobalOptions } from "../names/global/life.ts";
import { globalOn } from "../names/global/server.ts";
import { type Address, type CredentialsSource, type Listener, nodePorts, type Ports, type Socket } from "../ports.ts";
import { arrived } from "./attached.ts";
import { type CookieFile, cookiesOf } from "./cookie.ts";
import { departure } from "./halt.ts";
import { NetKernel, type NodeEvent } from "./net-kernel.ts";
import { isNodeName } from "./node-name.ts";
import { keepParts } from "./parts.ts";
import { startSystemProcesses } from "./system-processes.ts";

export interface CreateNodeOptions {
  /** `app@host`: the host as the others reach it. */
  readonly name: NodeName;
  /**
   * The secret that all nodes share, or `{ file }` (mode 0400), which is read again for every connection: its first line is
   * shown, its others are taken as well. Default: the environment variable INTERLOCK_COOKIE.
   */
  readonly cookie?: string | CookieFile;
  /** TLS 1.3 with certificates on both sides; asked for every connection, so renewed ones serve without a restart. */
  readonly tls?: CredentialsSource;
  /** What other nodes may start here: `node.spawn(Bank, …)`. */
  readonly modules?: readonly AnyGenServer[];
  /** Where to listen; default the loopback interface, and a port that is free. */
  readonly listen?: Partial<Address>;
  /** The name server of the machine; default 127.0.0.1:4369, hosted by this node if none runs there. */
  readonly epmd?: Partial<Address>;
  /** Without a name server: where the node of that name listens. */
  readonly lookup?: (name: NodeName, signal: AbortSignal) => Promise<Address>;
  /** Whether `nodes()` of Erlang's nodes lists this one, and their `global` counts on it. Default false. */
  readonly visible?: boolean;
  /**
   * Whether the node shares `globalName`s with all others that do, Erlang's among them, and so connects to every node that
   * one of them knows. Needs `visible`. Default false.
   */
  readonly global?: boolean | GlobalOptions;
  /** Milliseconds of silence after which a peer is gone. Default 60 000. */
  readonly tickMs?: number;
  /** Milliseconds for a connection to come about. Default 7 000. */
  readonly handshakeMs?: number;
  /** Bytes waiting to be sent with which a connection is busy. Default 1 MiB. */
  readonly busyBytes?: number;
  /** Bytes waiting to be sent with which a connection is given up. Default 256 MiB. */
  readonly mostBytes?: number;
  /** The processes to connect. Default: those of this program. */
  readonly local?: LocalNode;
  readonly ports?: Ports;
}

export interface ClusterNode extends AsyncDisposable {
  readonly name: NodeName;
  readonly address: Address;
  /** **Errors** `INTERLOCK_CONNECT` */
  connect(name: NodeName): Promise<void>;
  /** @returns whether there was a connection. */
  disconnect(name: NodeName): boolean;
  /** The nodes that this one is connected to now. */
  nodes(kind?: "visible" | "hidden" | "connected"): readonly NodeName[];
  /** @returns what ends it. */
  watchNodes(watcher: (event: NodeEvent) => void): () => void;
  /** Ends the singletons that run here, so that others may have them at once, and then all connections. */
  stop(): Promise<void>;
}

const DEFAULT_EPMD: Address = { host: "127.0.0.1", port: 4369 };
const DEFAULT_LISTEN: Address = { host: "127.0.0.1", port: 0 };
const DEFAULT_TICK_MS = 60_000;
const DEFAULT_HANDSHAKE_MS = 7_000;
const DEFAULT_BUSY_BYTES = 1_048_576;
const DEFAULT_MOST_BYTES = 268_435_456;

/**
 * Makes the processes of this program reachable from other nodes, and theirs from here.
 *
 * **Errors** `INTERLOCK_LISTEN`, `INTERLOCK_NODE_OPTION`.
 *
 * @see net_kernel:start/2
 */
export async function createNode(options: CreateNodeOptions): Promise<ClusterNode> {
  const { name, ports = nodePorts, local = defaultNode() } = options;
  checkName(name);
  if (local.network !== undefined)
    throw badOption("local", `a node that is called ${local.name} already`, "one without a network");
  const { global = false } = options;
  if (global !== false && options.visible !== true)
    throw badOption("global", "a hidden node", "visible: true with it: hidden nodes have no part in global");
  const handshakeMs = options.handshakeMs ?? DEFAULT_HANDSHAKE_MS;
  const epmd = { ...DEFAULT_EPMD, ...options.epmd };
  let kernel: NetKernel | undefined;
  const warn = (text: string, details: unknown): void =>
    local.report({ type: "warning", pid: undefined, label: name, text, details, at: local.runtime.clock.wallTime() });
  const cookies = await cookiesOf(options.cookie, ports, (error) => warn("the cookie stays as it was", error));
  const tls = options.tls && {
    credentials: options.tls,
    refused: (error: Error, from: string) => warn(`a connection from ${from} was refused`, error),
  };
  const at = { ...DEFAULT_LISTEN, ...options.listen };
  const accepted = (socket: Socket): void => (kernel === undefined ? socket.destroy() : kernel.accept(socket));
  const listener = await ports.listen(at, accepted, tls).catch((cause: unknown) => {
    const problem = (cause as Error).message;
    throw new ClusterError("INTERLOCK_LISTEN", `Cannot start ${name}: ${problem}`, { node: name, problem }, { cause });
  });
  const directory =
    options.lookup === undefined
      ? await Directory.join({
          ports,
          runtime: local.runtime,
          epmd,
          name,
          port: listener.address.port,
          visible: options.visible === true,
          failed: (error) => warn("is not registered with the name server any more", error),
        }).catch(async (error: unknown) => {
          await listener.close();
          throw error;
        })
      : undefined;
  kernel = new NetKernel({
    local,
    name,
    creation: directory?.creation ?? (ports.challenge() | 4) >>> 0,
    cookies,
    modules: options.modules ?? [],
    visible: options.visible === true,
    ports,
    credentials: options.tls,
    lookup: options.lookup ?? ((other, signal) => addressOf(ports, epmd, other, signal)),
    tickMs: options.tickMs ?? DEFAULT_TICK_MS,
    handshakeMs,
    busyBytes: options.busyBytes ?? DEFAULT_BUSY_BYTES,
    mostBytes: options.mostBytes ?? DEFAULT_MOST_BYTES,
  });
  local.join(name, kernel);
  arrived(local);
  const endProcesses = await startSystemProcesses(local);
  if (global !== false) globalOn(local).join(kernel, global === true ? {} : global);
  const endSystem = (): void => {
    endProcesses();
    if (global !== false) globalOn(local).leave();
  };
  const node = new RunningNode(name, local, kernel, listener, directory, endSystem);
  keepParts(node, { local, kernel, ports, epmd });
  // As whoever has started this program calls it, and will ask for it.
  if (ports.environment("INTERLOCK_NODE") === name) offerInspection(local);
  return node;
}

class RunningNode implements ClusterNode {
  readonly name: NodeName;
  readonly #local: LocalNode;
  readonly #kernel: NetKernel;
  readonly #listener: Listener;
  readonly #directory: Directory | undefined;
  readonly #endSystem: () => void;
  #stopping: Promise<void> | undefined;

  constructor(
    name: NodeName,
    local: LocalNode,
    kernel: NetKernel,
    listener: Listener,
    directory: Directory | undefined,
    endSystem: () => void,
  ) {
    this.#endSystem = endSystem;
    this.name = name;
    this.#local = local;
    this.#kernel = kernel;
    this.#listener = listener;
    this.#directory = directory;
  }

  get address(): Address {
    return this.#listener.address;
  }

  connect(name: NodeName): Promise<void> {
    return this.#kernel.connect(name);
  }

  disconnect(name: NodeName): boolean {
    return this.#kernel.disconnect(name);
  }

  nodes(kind: "visible" | "hidden" | "connected" = "visible"): readonly NodeName[] {
    return this.#kernel.nodes(kind);
  }

  watchNodes(watcher: (event: NodeEvent) => void): () => void {
    return this.#kernel.watchNodes(watcher);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await departure.halt(this.#local);
    this.#directory?.leave();
    this.#endSystem();
    this.#kernel.stop();
    this.#local.leave();
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function checkName(name: NodeName): void {
  if (!isNodeName(name)) throw badOption("name", JSON.stringify(name), "app@host, of letters, digits, dots and dashes");
}
