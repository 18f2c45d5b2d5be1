/**
 * Telemetry on `node:diagnostics_channel`: a check that costs half a nanosecond while nobody listens.
 *
 * @example
 * import { subscribe } from "node:diagnostics_channel";
 * subscribe("interlock:mailbox.long", (event) => console.warn(event));
 */
import { channel } from "node:diagnostics_channel";
import { unowned } from "../process/context.ts";

type Channel = ReturnType<typeof channel>;

/** Publishes outside any process: what a subscriber throws is the subscriber's, not that of the process it heard of. */
export function publish(to: Channel, event: object): void {
  unowned(() => to.publish(event));
}

/** `{ pid, label, length }`: a mailbox reached 10 000 messages; once per episode. */
export const mailboxLong: Channel = channel("interlock:mailbox.long");
/** `{ pid, label, capacity, overflow }`: a bounded mailbox refused or threw away a message. */
export const mailboxDropped: Channel = channel("interlock:mailbox.dropped");
/** `{ pid, label }` */
export const processSpawned: Channel = channel("interlock:process.spawn");
/** `{ pid, label, reason }` */
export const processExited: Channel = channel("interlock:process.exit");
/** `{ target, request, timeoutMs }` */
export const callTimedOut: Channel = channel("interlock:call.timeout");
