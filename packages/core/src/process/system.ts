/**
 * System requests: what `sys` asks of any process between two messages. They keep their place among the other signals,
 * except while the process is suspended, when only they are served.
 */
import type { PendingCall } from "./call.ts";
import { type Envelope, SYSTEM } from "./mailbox.ts";
import type { Process } from "./process.ts";

export class SystemRequest {
  readonly name: string;
  readonly run: (process: Process) => unknown;

  constructor(name: string, run: (process: Process) => unknown) {
    this.name = name;
    this.run = run;
  }

  toString(): string {
    return this.name;
  }
}

/** Runs a request and answers it; what it throws is the asker's, not the process'. */
export function serveSystem(process: Process, call: PendingCall): unknown {
  try {
    const value = (call.payload as SystemRequest).run(process);
    if (!(value instanceof Promise)) {
      call.reply(value);
      return undefined;
    }
    return value.then(
      (result: unknown) => call.reply(result),
      (error: unknown) => call.fail(error as Error),
    );
  } catch (error) {
    call.fail(error as Error);
    return undefined;
  }
}

/** Takes the oldest system request, wherever it stands. */
export function takeSystem(process: Process): PendingCall | undefined {
  let before: Envelope | undefined;
  for (let at = process.head; at !== undefined; before = at, at = at.next) {
    if (at.kind !== SYSTEM) continue;
    if (before === undefined) process.head = at.next;
    else before.next = at.next;
    if (process.tail === at) process.tail = before;
    at.next = undefined;
    process.taken(at);
    return at as PendingCall;
  }
  return undefined;
}

export function systemWaits(process: Process): boolean {
  for (let at = process.head; at !== undefined; at = at.next) if (at.kind === SYSTEM) return true;
  return false;
}
