/**
 * A process of a behaviour that another one, perhaps of another node, goes on for: it is stopped between two messages, what
 * it is made of is taken out, and what still comes for its pid goes to the other one.
 */
import type { InlineCall, OpenCall, PendingCall } from "../process/call.ts";
import { releaseOwned } from "../process/exit.ts";
import { unlink } from "../process/link.ts";
import { CALL, CAST, type Envelope, SYSTEM } from "../process/mailbox.ts";
import { each } from "../process/one-or-many.ts";
import type { LocalPid } from "../process/pid.ts";
import { type Process, SUSPENDED, TRAP_EXIT } from "../process/process.ts";
import { serveSystem } from "../process/system.ts";
import { systemCall } from "./client.ts";
import { GenBody } from "./gen.ts";

/** What waited in a mailbox, or came to a pid whose process has moved. */
export type Remainder =
  | { readonly type: "message"; readonly message: unknown }
  | { readonly type: "cast"; readonly operation: string; readonly args: readonly unknown[] }
  | { readonly type: "call"; readonly operation: string; readonly args: readonly unknown[]; readonly call: OpenCall };

/**
 * Suspends the process, in front of whatever waits in its mailbox, and gives what `pack` makes of its state, there. A handler
 * that runs is awaited, with its continuation. The process stays suspended, even if `pack` fails.
 *
 * **Errors** what `pack` throws; `INTERLOCK_CALLEE_EXIT` when the process ends before.
 */
export function packProcess<T>(process: Process, pack: (state: unknown) => T | Promise<T>): Promise<T> {
  // At once: the request would wait behind the whole mailbox else.
  process.flags |= SUSPENDED;
  return systemCall(process.pid, "hand over", (own) => pack(own.state), Number.POSITIVE_INFINITY);
}

/** The process goes on as if nothing had been. */
export function unpackProcess(process: Process): void {
  process.flags &= ~SUSPENDED;
  process.schedule();
}

/** The calls that the process has put off: their answers are not its own any more, and nobody is told of its end. */
export function takeDeferred(process: Process): readonly OpenCall[] {
  const deferred = [...(process.extras?.deferred ?? [])];
  for (const call of deferred) call.deferred = false;
  if (process.extras !== undefined) process.extras.deferred = undefined;
  return deferred;
}

/** Empties the mailbox, oldest first. System requests are served. */
export function takeRemainder(process: Process): readonly Remainder[] {
  const taken: Remainder[] = [];
  for (let envelope = process.take(); envelope !== undefined; envelope = process.take()) {
    const one = remainderOf(envelope, process);
    if (one !== undefined) taken.push(one);
  }
  return taken;
}

/**
 * A suspended process becomes an address only: what waits and what comes is given to `forward`. Its state, timers, monitors,
 * links (but the one to its supervisor) and what it owned are gone, without a word to anybody but the owned.
 */
export function becomeForwarder(process: Process, forward: (one: Remainder) => void): void {
  const { extras } = process;
  process.body.ended(process); // Its timeout.
  for (const timer of [...(extras?.timers ?? [])]) timer.cancel();
  for (const monitor of [...each(process.watching)]) monitor.end();
  for (const other of [...each<LocalPid>(process.links)]) if (other !== process.parent) unlink(process, other);
  releaseOwned(process, { shutdown: "moved" });
  process.state = process.face = undefined;
  process.flags = (process.flags & ~TRAP_EXIT) | SUSPENDED;
  process.body = new Forwarder(process.body.label, forward);
  process.body.slice(process);
}

function remainderOf(envelope: Envelope, process: Process): Remainder | undefined {
  const { args, kind, payload } = envelope;
  if (kind === SYSTEM) {
    serveSystem(process, envelope as PendingCall);
    return undefined;
  }
  if (kind !== CALL && kind !== CAST) return { type: "message", message: payload };
  const request = { operation: payload as string, args: args ?? [] };
  if (kind === CAST) return { type: "cast", ...request };
  const call = envelope as PendingCall;
  return call.settled || call.refused ? undefined : { type: "call", ...request, call };
}

/** Everything that comes goes on at once: it has no turns of its own. */
class Forwarder extends GenBody {
  readonly label: string;
  readonly #forward: (one: Remainder) => void;

  constructor(label: string, forward: (one: Remainder) => void) {
    super();
    this.label = label;
    this.#forward = forward;
  }

  override slice(process: Process): void {
    for (const one of takeRemainder(process)) this.#forward(one);
  }

  override wake(process: Process): void {
    this.slice(process);
  }

  override lend(process: Process): void {
    this.slice(process);
  }

  override runInline(process: Process, call: InlineCall): Promise<unknown> {
    const pending = call.pending(process);
    process.deliver(pending);
    return pending.promise;
  }

  override ended(): void {}

  // It has no callbacks.
  init(): unknown {
    return undefined;
  }
  ready(): true {
    return true;
  }
  invoke(): unknown {
    return undefined;
  }
  apply(): void {}
  terminate(): void {}
  codeChange(): void {}
  status(): unknown {
    return "moved";
  }
  getState(): unknown {
    return undefined;
  }
  setState(): void {}
}
