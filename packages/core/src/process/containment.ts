/**
 * Stray exceptions: an error thrown in a timer, callback, emitter, stream or socket that a process started, or a
 * rejection that nobody handled, ends that process and nothing else. The owner is read from the async context at the
 * throw. What has no owner ends the Node.js process, as without Interlock.
 *
 * The hook is a capture callback that answers true only for owned errors, so listeners of other people (a test runner's,
 * an error reporter's) see exactly the unowned ones. Where somebody listens to `unhandledRejection`, rejections go there.
 */
import { owningProcess } from "./context.ts";
import { blame } from "./lingering.ts";

let installed = false;
let wanted = true;

/** For embedders who own these handlers: call it before the first process is started. */
export function containStrayErrors(on: boolean): void {
  wanted = on;
}

/** Whether `error` belonged to a process, which it has ended. For embedders with handlers of their own. */
export function attribute(error: unknown): boolean {
  const owner = owningProcess();
  if (owner === undefined) return false;
  blame(owner, error);
  return true;
}

export function useContainment(): void {
  if (installed || !wanted) return;
  installed = true;
  process.addUncaughtExceptionCaptureCallback(attribute);
}
