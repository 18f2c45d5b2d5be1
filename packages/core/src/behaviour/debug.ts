/** What `sys.trace` and `sys.statistics` see of a process. Absent on a process that nobody looks at. */
import type { Envelope } from "../process/mailbox.ts";
import type { Process } from "../process/process.ts";

export type TraceEvent =
  | { readonly type: "in"; readonly message: unknown }
  | { readonly type: "out"; readonly value: unknown }
  | { readonly type: "state"; readonly state: unknown };

export type TraceHandler = (event: TraceEvent) => void;

export class Debug {
  readonly handlers: Set<TraceHandler> = new Set();
  readonly log: TraceEvent[] = [];
  logSize = 0;
  statistics:
    | { readonly since: number; messagesIn: number; repliesOut: number; readonly reductionsBefore: number }
    | undefined = undefined;

  received(_process: Process, envelope: Envelope): void {
    if (this.statistics !== undefined) this.statistics.messagesIn++;
    this.emit({
      type: "in",
      message: envelope.args === undefined ? envelope.payload : [envelope.payload, ...envelope.args],
    });
  }

  replied(value: unknown): void {
    if (this.statistics !== undefined) this.statistics.repliesOut++;
    this.emit({ type: "out", value });
  }

  emit(event: TraceEvent): void {
    if (this.logSize > 0) {
      this.log.push(event);
      if (this.log.length > this.logSize) this.log.shift();
    }
    for (const handler of this.handlers) {
      try {
        handler(event);
      } catch {
        // OTP: a debug function that fails is removed; the process it watches must not suffer.
        this.handlers.delete(handler);
      }
    }
  }
}
