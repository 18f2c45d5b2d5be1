/** What follows from one event, in order. */
import type { PlacementEffect } from "./effects.ts";
import type { Hosts } from "./hosts.ts";
import type { PlacementMessage } from "./messages.ts";

export class Outbox<P> {
  readonly #hosts: Hosts<P>;
  #effects: PlacementEffect<P>[] = [];

  constructor(hosts: Hosts<P>) {
    this.#hosts = hosts;
  }

  do(effect: PlacementEffect<P>): void {
    this.#effects.push(effect);
  }

  tell(to: P, message: PlacementMessage<P>): void {
    this.do({ type: "tell", to: [to], message });
  }

  tellAll(message: PlacementMessage<P>): void {
    const to = this.#hosts.others;
    if (to.length > 0) this.do({ type: "tell", to, message });
  }

  take(): readonly PlacementEffect<P>[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
