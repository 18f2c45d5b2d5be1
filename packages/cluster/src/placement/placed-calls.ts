/**
 * Calls of this node to placed processes of others. Each is answered to a reference of its own, so that the answer may come
 * from the node to which the process has moved meanwhile; of the callee's end the host hears, and tells it here.
 */
import type { ExitReason } from "@interlock/core";
import type { LocalPid, OpenCall } from "@interlock/core/distribution";
import { AnswerSlot } from "../node/answer-slot.ts";
import { callTag, forwardedCall } from "../node/gen-protocol.ts";
import type { CallerAddress } from "../node/incoming.ts";
import { callFailed } from "../node/outgoing-calls.ts";

class PlacedCall extends AnswerSlot {
  readonly call: OpenCall;
  /** When the callee, or what it has moved from, was started. */
  readonly since: number;

  constructor(call: OpenCall, since: number) {
    super();
    this.call = call;
    this.since = since;
  }

  take(value: unknown): void {
    this.call.reply(value);
  }
}

export class PlacedCalls {
  readonly #open = new Map<string, Set<PlacedCall>>();

  /** The address at which `call` is answered from now on. */
  address(key: string, since: number, from: LocalPid, call: OpenCall): CallerAddress {
    const slot = new PlacedCall(call, since);
    const ofKey = this.#open.get(key) ?? new Set();
    this.#open.set(key, ofKey);
    ofKey.add(slot);
    const { disarm } = call;
    call.disarm = () => {
      disarm?.();
      ofKey.delete(slot);
      if (ofKey.size === 0 && this.#open.get(key) === ofKey) this.#open.delete(key);
    };
    return { pid: from, tag: callTag(slot) };
  }

  /** Sends `call` to a process of another node. */
  start(key: string, since: number, from: LocalPid, to: LocalPid, call: OpenCall): void {
    if (call.settled) return;
    const caller = this.address(key, since, from, call);
    try {
      to.home.route?.send(from, to, forwardedCall(caller, call.payload as string, call.args ?? []));
    } catch (error) {
      call.fail(error as Error); // What it says cannot be encoded.
    }
  }

  /** Processes of `key` that were started in `since` or before give no answers any more. */
  broken(key: string, since: number, reason: ExitReason): void {
    for (const slot of [...(this.#open.get(key) ?? [])])
      if (slot.since <= since) slot.call.fail(callFailed(slot.call, reason));
  }

  close(reason: ExitReason): void {
    for (const key of [...this.#open.keys()]) this.broken(key, Number.POSITIVE_INFINITY, reason);
  }
}
