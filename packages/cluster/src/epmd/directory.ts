/** Names of nodes and where they listen, by the name servers of their machines. */
import type { NodeName, Runtime } from "@interlock/core";
import { backOffMs } from "@interlock/core/distribution";
import { ClusterError } from "../errors.ts";
import { aliveOf, hostOf } from "../node/node-name.ts";
import type { Address, Listener, Ports } from "../ports.ts";
import { lookupNode, type Registration, registerNode } from "./client.ts";
import { startEpmd } from "./server.ts";

const FIRST_PAUSE_MS = 500;

export interface DirectoryOptions {
  readonly ports: Ports;
  readonly runtime: Runtime;
  readonly epmd: Address;
  readonly name: NodeName;
  /** Where the node listens. */
  readonly port: number;
  readonly visible: boolean;
  /** Told once when the entry is lost and cannot be had again yet; it is tried for all the same. */
  readonly failed: (error: unknown) => void;
}

/**
 * This node's entry with the machine's name server, which it hosts itself if nobody does. When the host ends, one of those
 * that are left takes the port over and all register again.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #leaving = new AbortController();
  #server: Listener | undefined;
  #registration: Registration | undefined;
  #failures = 0;
  #timer: unknown;

  private constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  static async join(options: DirectoryOptions): Promise<Directory> {
    const { epmd, name } = options;
    const directory = new Directory(options);
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
    const { epmd, ports } = this.#options;
    let registration: Registration | undefined;
    try {
      registration = await this.#register();
    } catch {
      if (this.#leaving.signal.aborted) return false;
      // Nobody answers there: this node hosts it, unless another one was quicker.
      this.#server = await startEpmd(ports, epmd).catch(() => this.#server);
      if (this.#leaving.signal.aborted) void this.#server?.close();
      registration = await this.#register();
    }
    // The node may have left meanwhile: nothing of it stays behind.
    if (this.#leaving.signal.aborted) registration?.close();
    else this.#registration = registration;
    void registration?.ended.then(() => this.#lost());
    return registration !== undefined;
  }

  #register(): Promise<Registration | undefined> {
    const { epmd, name, port, ports, visible } = this.#options;
    const entry = {
      name: aliveOf(name),
      port,
      type: visible ? "visible" : "hidden",
      highestVersion: 6,
      lowestVersion: 5,
      extra: new Uint8Array(0),
    } as const;
    return registerNode(ports, epmd, entry, this.#leaving.signal);
  }

  /** Its host has ended. */
  #lost(): void {
    if (this.#leaving.signal.aborted) return;
    this.#enter().then(
      (entered) => (entered ? this.#entered() : this.#again(new Error("the name is taken there by now"))),
      (error: unknown) => this.#again(error),
    );
  }

  #entered(): void {
    this.#failures = 0;
  }

  #again(error: unknown): void {
    if (this.#leaving.signal.aborted) return;
    const { failed, runtime } = this.#options;
    this.#failures += 1;
    if (this.#failures === 1) failed(error);
    const delayMs = backOffMs(this.#failures, { firstMs: FIRST_PAUSE_MS }, runtime.random);
    this.#timer = runtime.timers.set(() => this.#lost(), delayMs);
  }

  leave(): void {
    const { timers } = this.#options.runtime;
    this.#leaving.abort(new Error("the node has left"));
    if (this.#timer !== undefined) timers.clear(this.#timer);
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
