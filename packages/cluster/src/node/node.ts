/** A node of a cluster: its name, its listener, its connections. @see net_kernel(3) */
import { defaultNode, type LocalNode, type NodeName } from "@interlock/core";
import { lookupNode, type Registration, registerNode } from "../epmd/client.ts";
import { startEpmd } from "../epmd/server.ts";
import { ClusterError } from "../errors.ts";
import { type Address, type Listener, nodePorts, type Ports } from "../ports.ts";
import { cookieOf } from "./cookie.ts";
import { NetKernel, type NodeEvent } from "./net-kernel.ts";
import { startSystemProcesses } from "./system-processes.ts";

export interface CreateNodeOptions {
  /** `app@host`: the host as the others reach it. */
  readonly name: NodeName;
  /** The secret that all nodes share, or `{ file }` (mode 0400). Default: the environment variable INTERLOCK_COOKIE. */
  readonly cookie?: string | { readonly file: string };
  /** Where to listen; default the loopback interface, and a port that is free. */
  readonly listen?: Partial<Address>;
  /** The name server of the machine; default 127.0.0.1:4369, hosted by this node if none runs there. */
  readonly epmd?: Partial<Address>;
  /** Without a name server: where the node of that name listens. */
  readonly lookup?: (name: NodeName, signal: AbortSignal) => Promise<Address>;
  /** Whether `nodes()` of Erlang's nodes lists this one, and their `global` counts on it. Default false. */
  readonly visible?: boolean;
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
    throw optionError("local", `a node that is called ${local.name} already`, "one without a network");
  const cookie = await cookieOf(options.cookie, ports);
  const handshakeMs = options.handshakeMs ?? DEFAULT_HANDSHAKE_MS;
  const epmd = { ...DEFAULT_EPMD, ...options.epmd };
  let kernel: NetKernel | undefined;
  const listener = await listen(name, ports, { ...DEFAULT_LISTEN, ...options.listen }, (socket) =>
    kernel === undefined ? socket.destroy() : kernel.accept(socket),
  );
  const directory =
    options.lookup === undefined
      ? await Directory.join(ports, epmd, name, listener.address.port, options.visible === true, (details) =>
          local.report({
            type: "warning",
            pid: undefined,
            label: name,
            text: "is not registered with the name server any more",
            details,
            at: local.runtime.clock.wallTime(),
          }),
        ).catch(async (error: unknown) => {
          await listener.close();
          throw error;
        })
      : undefined;
  kernel = new NetKernel({
    local,
    name,
    creation: directory?.creation ?? (ports.challenge() | 4) >>> 0,
    cookie,
    visible: options.visible === true,
    ports,
    lookup: options.lookup ?? ((other, signal) => addressOf(ports, epmd, other, signal)),
    tickMs: options.tickMs ?? DEFAULT_TICK_MS,
    handshakeMs,
    busyBytes: options.busyBytes ?? DEFAULT_BUSY_BYTES,
    mostBytes: options.mostBytes ?? DEFAULT_MOST_BYTES,
  });
  local.join(name, kernel);
  await startSystemProcesses(local);
  return new RunningNode(name, local, kernel, listener, directory);
}

class RunningNode implements ClusterNode {
  readonly name: NodeName;
  readonly #local: LocalNode;
  readonly #kernel: NetKernel;
  readonly #listener: Listener;
  readonly #directory: Directory | undefined;

  constructor(
    name: NodeName,
    local: LocalNode,
    kernel: NetKernel,
    listener: Listener,
    directory: Directory | undefined,
  ) {
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

  async stop(): Promise<void> {
    this.#directory?.leave();
    this.#kernel.stop();
    this.#local.leave();
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/**
 * This node's entry with the machine's name server, which it hosts itself if nobody does. When the host ends, one of those
 * that are left takes the port over and all register again.
 */
class Directory {
  readonly #ports: Ports;
  readonly #epmd: Address;
  readonly #register: (signal: AbortSignal) => Promise<Registration | undefined>;
  readonly #failed: (error: unknown) => void;
  #server: Listener | undefined;
  #registration: Registration | undefined;
  #left = false;

  private constructor(
    ports: Ports,
    epmd: Address,
    register: (signal: AbortSignal) => Promise<Registration | undefined>,
    failed: (error: unknown) => void,
  ) {
    this.#ports = ports;
    this.#epmd = epmd;
    this.#register = register;
    this.#failed = failed;
  }

  /** `failed` is told when the entry is lost and cannot be had again. */
  static async join(
    ports: Ports,
    epmd: Address,
    name: NodeName,
    port: number,
    visible: boolean,
    failed: (error: unknown) => void,
  ): Promise<Directory> {
    const entry = {
      name: aliveOf(name),
      port,
      type: visible ? "visible" : "hidden",
      highestVersion: 6,
      lowestVersion: 5,
      extra: new Uint8Array(0),
    } as const;
    const directory = new Directory(ports, epmd, (signal) => registerNode(ports, epmd, entry, signal), failed);
    if (await directory.#enter()) return directory;
    directory.leave();
    const problem = `the name is taken at ${epmd.host}:${epmd.port}`;
    throw new ClusterError("INTERLOCK_LISTEN", `Cannot start ${name}: ${problem}`, { node: name, problem });
  }

  get creation(): number {
    return this.#registration?.creation ?? 0;
  }

  /** False: the name is taken. */
  async #enter(): Promise<boolean> {
    const { signal } = new AbortController();
    try {
      this.#registration = await this.#register(signal);
    } catch {
      // Nobody answers there: this node hosts it, unless another one was quicker.
      this.#server = await startEpmd(this.#ports, this.#epmd).catch(() => undefined);
      this.#registration = await this.#register(signal);
    }
    void this.#registration?.ended.then(() => this.#lost());
    return this.#registration !== undefined;
  }

  /** Its host has ended. */
  #lost(): void {
    if (!this.#left) this.#enter().catch((error: unknown) => this.#failed(error));
  }

  leave(): void {
    this.#left = true;
    this.#registration?.close();
    void this.#server?.close();
  }
}

async function listen(
  name: NodeName,
  ports: Ports,
  at: Address,
  accepted: Parameters<Ports["listen"]>[1],
): Promise<Listener> {
  try {
    return await ports.listen(at, accepted);
  } catch (cause) {
    const problem = (cause as Error).message;
    throw new ClusterError("INTERLOCK_LISTEN", `Cannot start ${name}: ${problem}`, { node: name, problem }, { cause });
  }
}

async function addressOf(ports: Ports, epmd: Address, name: NodeName, signal: AbortSignal): Promise<Address> {
  const host = name.slice(name.indexOf("@") + 1);
  // Each machine has its own; the port is the same everywhere.
  const found = await lookupNode(ports, { host, port: epmd.port }, aliveOf(name), signal);
  if (found === undefined) throw new Error(`no node of that name is registered at ${host}:${epmd.port}`);
  return { host, port: found.port };
}

function aliveOf(name: NodeName): string {
  return name.slice(0, name.indexOf("@"));
}

function checkName(name: NodeName): void {
  if (typeof name !== "string" || !/^[\w.-]+@[\w.:-]+$/.test(name) || name.length > 255)
    throw optionError("name", JSON.stringify(name), "app@host, of letters, digits, dots and dashes");
}

function optionError(option: string, got: string, expected: string): ClusterError<"INTERLOCK_NODE_OPTION"> {
  return new ClusterError("INTERLOCK_NODE_OPTION", `Bad ${option}: got ${got}, expected ${expected}`, {
    option,
    got,
    expected,
  });
}
