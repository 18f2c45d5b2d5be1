/** The name of a placed process, and the way to it, wherever it runs or will run. */
import { type ExitReason, InterlockError, type LocalNode, type Pid } from "@interlock/core";
import {
  type Addressee,
  type Away,
  type LocalMonitor,
  type LocalPid,
  NameBase,
  type OpenCall,
  type Process,
  type Route,
} from "@interlock/core/distribution";
import { Nowhere } from "../names/nowhere.ts";
import type { Sent } from "./gate.ts";
import { hostOn, type PlacementHost } from "./host.ts";
import { unusable } from "./tally.ts";

export class PlacedName extends NameBase {
  readonly #placement: string;
  readonly #key: string;

  constructor(placement: string, key: string) {
    super();
    this.#placement = placement;
    this.#key = key;
  }

  // What is sent waits for a process, or for another node.
  override get silent(): boolean {
    return true;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    return hostOn(node, this.#placement)?.state.pidOf(this.#key);
  }

  override away(node: LocalNode): Away {
    const host = hostOn(node, this.#placement);
    if (host !== undefined) return { route: new PlacedRoute(host, this.#key), to: this.#key };
    return { route: new Nowhere(() => unusable(this.#placement, node)), to: this.#key };
  }

  register(_process: Process): void {
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad argument: ${this} is no name to start under: use it`, {
      argument: "name",
      got: this.toString(),
      expected: "a name to start under",
    });
  }

  unregister(): void {}

  toString(): string {
    return `${this.#placement}.named(${JSON.stringify(this.#key)})`;
  }
}

/** To a process of another node directly; to one that is not there yet through the gate. */
class PlacedRoute implements Route {
  readonly #host: PlacementHost;
  readonly #key: string;

  constructor(host: PlacementHost, key: string) {
    this.#host = host;
    this.#key = key;
  }

  get #pid(): LocalPid | undefined {
    return this.#host.state.pidOf(this.#key);
  }

  #dispatch(sent: Sent): void {
    this.#host.dispatch(this.#key, sent);
  }

  send(from: LocalPid, _to: Addressee, message: unknown): void {
    this.#dispatch({ type: "message", from, message });
  }

  cast(from: LocalPid, _to: Addressee, operation: string, args: readonly unknown[]): void {
    this.#dispatch({ type: "cast", from, operation, args });
  }

  call(from: LocalPid, _to: Addressee, call: OpenCall): void {
    this.#dispatch({ type: "call", from, operation: call.payload as string, args: call.args ?? [], call });
  }

  trySend(from: LocalPid, _to: Addressee, message: unknown): boolean {
    const pid = this.#pid;
    if (pid?.home.route !== undefined) return pid.home.route.trySend(from, pid, message);
    if (!this.#host.takes(this.#key)) return false;
    this.#dispatch({ type: "message", from, message });
    return true;
  }

  async ready(timeoutMs: number): Promise<void> {
    const route = this.#pid?.home.route;
    await (route === undefined ? this.#host.opened(this.#key) : route.ready(timeoutMs));
  }

  monitor(monitor: LocalMonitor): void {
    const pid = this.#pid;
    const route = pid?.home.route;
    if (pid === undefined || route === undefined) return monitor.fire(monitor.watcher.node.nobody, "noproc");
    // Of this process, not of the next one that has the key.
    monitor.target = { route, to: pid };
    route.monitor(monitor, pid);
  }

  stop(from: LocalPid, _to: Addressee, reason: ExitReason): void {
    const pid = this.#pid;
    if (pid !== undefined) pid.home.route?.stop(from, pid, reason);
  }

  // Of names nobody asks these.
  link(): void {}
  unlink(): void {}
  exitLinked(): void {}
  exit(): void {}
  demonitor(): void {}
}

export function pidAt(node: LocalNode, placement: string, key: string): Pid | undefined {
  return hostOn(node, placement)?.state.entry(key)?.pid as Pid | undefined;
}
