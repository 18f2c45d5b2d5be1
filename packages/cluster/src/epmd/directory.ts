/** Names of nodes and where they listen, by the name servers of their machines. */
import type { NodeName } from "@interlock/core";
import { ClusterError } from "../errors.ts";
import { aliveOf, hostOf } from "../node/node-name.ts";
import type { Address, Listener, Ports } from "../ports.ts";
import { lookupNode, type Registration, registerNode } from "./client.ts";
import { startEpmd } from "./server.ts";

/**
 * This node's entry with the machine's name server, which it hosts itself if nobody does. When the host ends, one of those
 * that are left takes the port over and all register again.
 */
export class Directory {
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

/** Asks the name server of the node's own machine; the port is the same everywhere. */
export async function addressOf(ports: Ports, epmd: Address, name: NodeName, signal: AbortSignal): Promise<Address> {
  const host = hostOf(name);
  const found = await lookupNode(ports, { host, port: epmd.port }, aliveOf(name), signal);
  if (found === undefined) throw new Error(`no node of that name is registered at ${host}:${epmd.port}`);
  return { host, port: found.port };
}
