/** The way to a process that is on no node now: calls fail at once with an error that says why, all else is as to the dead. */
import type { OpenCall } from "@interlock/core/distribution";
import { type Addressee, type LocalMonitor, type LocalPid, linkEnded, type Route } from "@interlock/core/distribution";

export class Nowhere implements Route {
  readonly #error: () => Error;

  constructor(error: () => Error) {
    this.#error = error;
  }

  call(_from: LocalPid, _to: Addressee, call: OpenCall): void {
    call.fail(this.#error());
  }

  ready(): Promise<void> {
    return Promise.reject(this.#error());
  }

  trySend(): boolean {
    return false;
  }

  monitor(monitor: LocalMonitor): void {
    monitor.fire(monitor.watcher.node.nobody, "noproc");
  }

  link(from: LocalPid, to: LocalPid): void {
    if (from.process !== undefined) linkEnded(to, from.process, "noproc");
  }

  // OTP: what is sent to nobody vanishes.
  send(): void {}
  cast(): void {}
  unlink(): void {}
  exitLinked(): void {}
  exit(): void {}
  stop(): void {}
  demonitor(): void {}
}
