/**
 * Calls over one connection that have no answer yet. With Erlang's nodes a call is OTP's: a monitor, a request with an alias,
 * the answer to the alias, the end of the monitor. Between two Interlock nodes it is one message each way, and the callee's
 * node says when there will be no answer (docs/decisions/0007-calls-between-interlock-nodes.md).
 * Hot file: `bench` rows dist_call_*.
 */
import { type ErrorCode, type ExitReason, hints, InterlockError } from "@interlock/core";
import { type Addressee, type LocalPid, type OpenCall, Reference } from "@interlock/core/distribution";
import { messageTo, nameOrPid } from "./addressee.ts";
import { callMessage, ownCallMessage } from "./gen-protocol.ts";
import type { Link } from "./peer.ts";

export class OutgoingCalls {
  readonly #open = new Map<number, OpenCall>();
  #lastId = 0;

  start(link: Link, from: LocalPid, to: Addressee, call: OpenCall): void {
    try {
      if (link.rich) this.#startOwn(link, from, to, call);
      else this.#startOtp(link, from, to, call);
    } catch (error) {
      call.fail(error as Error); // What it says cannot be encoded.
    }
  }

  #startOwn(link: Link, from: LocalPid, to: Addressee, call: OpenCall): void {
    const id = ++this.#lastId;
    this.#add(id, call, () => undefined);
    const message = ownCallMessage(id, call.payload as string, call.args as readonly unknown[]);
    link.send(messageTo(from, to), message);
  }

  #startOtp(link: Link, from: LocalPid, to: Addressee, call: OpenCall): void {
    const ref = new Reference();
    const monitored = to instanceof Reference ? undefined : nameOrPid(to);
    this.#add(ref.id, call, () => {
      if (monitored !== undefined) link.send({ type: "DEMONITOR_P", from, to: monitored, ref });
    });
    const message = callMessage(from, ref, call.payload as string, call.args as readonly unknown[]);
    if (monitored !== undefined) link.send({ type: "MONITOR_P", from, to: monitored, ref });
    link.send(messageTo(from, to), message);
  }

  /** `ended` runs when the caller does not wait any more, unless the callee's end was heard of. */
  #add(id: number, call: OpenCall, ended: () => void): void {
    this.#open.set(id, call);
    const { disarm } = call;
    call.disarm = () => {
      disarm?.();
      if (this.#open.delete(id)) ended();
    };
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  answered(id: number, value: unknown): void {
    this.#open.get(id)?.reply(value);
  }

  /** There will be no answer. False: the number is of no call. */
  failed(id: number, reason: ExitReason): boolean {
    const call = this.#open.get(id);
    if (call === undefined) return false;
    this.#open.delete(id);
    call.fail(callFailed(call, reason));
    return true;
  }

  /** There will be no answer, although the callee lives. */
  refused(id: number, error: unknown): void {
    this.#open.get(id)?.fail(coded(error));
  }

  /** The connection is over. */
  close(): void {
    const calls = [...this.#open.values()];
    this.#open.clear();
    for (const call of calls) call.fail(noConnection(call));
  }
}

/** An error as this package's classes have it: across the wire it has lost its class. */
export function coded(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const { code, details, message, cause } = error as Error & { code?: unknown; details?: unknown };
  if (typeof code !== "string" || !(code in hints)) return error;
  return new InterlockError(code as ErrorCode, message, details as never, cause === undefined ? {} : { cause });
}

export function noConnection(call: OpenCall): InterlockError<"INTERLOCK_NOCONNECTION"> {
  const request = String(call.payload);
  return new InterlockError(
    "INTERLOCK_NOCONNECTION",
    `Call ${request} to ${call.target} failed: there is no connection to its node`,
    { target: call.target },
  );
}

export function callFailed(call: OpenCall, reason: ExitReason): Error {
  const { target } = call;
  const request = String(call.payload);
  if (reason === "noconnection") return noConnection(call);
  if (reason === "noproc")
    return new InterlockError("INTERLOCK_NOPROC", `Call ${request} to ${target} failed: there is no such process`, {
      target,
    });
  const cause = typeof reason === "object" && reason !== null && "error" in reason ? reason.error : undefined;
  return new InterlockError(
    "INTERLOCK_CALLEE_EXIT",
    `Call ${request} to ${target} failed: the callee ended`,
    { target, request, reason },
    cause === undefined ? {} : { cause },
  );
}
