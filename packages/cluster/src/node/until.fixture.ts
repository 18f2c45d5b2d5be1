/** Waiting for what has no event of its own, in tests with sockets. How long it may take is the test's own limit. */
import { nodeRuntime } from "@interlock/core";

/** Resolves once `holds`. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise<void>((resolve) => nodeRuntime.timers.set(resolve, 5));
}
