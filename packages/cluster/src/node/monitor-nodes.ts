/** Other nodes' coming and going as messages. @see net_kernel:monitor_nodes/1 */
import type { Matcher, NodeDown, NodeUp } from "@interlock/core";
import { callingProcess, deliverSignal, KeyedMatcher, onEnd, type Process } from "@interlock/core/distribution";
import { watchNodesOf } from "./attached.ts";

class NodeMatcher extends KeyedMatcher<NodeUp | NodeDown> {
  readonly keys: readonly unknown[] = ["nodeup", "nodedown"];
  readonly user = false;
  readonly signals = true;
  readonly exact = true;
  matches(message: unknown): boolean {
    return this.keys.includes((message as { type?: unknown } | null)?.type);
  }
}

const nodeEvents: Matcher<NodeUp | NodeDown> = new NodeMatcher();
const monitoring = new WeakMap<Process, () => void>();

/**
 * Has the calling process told of nodes that come and go from now on: `nodeup` before anything else of that node, `nodedown`
 * after all else. A server gets them in `info`, a plain process takes them by the matcher that this returns. Asking twice is
 * asking once; `false` ends it.
 *
 * **Errors** `INTERLOCK_BAD_ARGUMENT` outside any process.
 */
export function monitorNodes(on = true): Matcher<NodeUp | NodeDown> {
  const process = callingProcess("monitorNodes()");
  const end = monitoring.get(process);
  if (on && end === undefined) {
    const stop = watchNodesOf(process.node, ({ type, node }) => deliverSignal(process, { type, node }));
    const forget = onEnd(process, stop);
    monitoring.set(process, () => {
      stop();
      forget();
    });
  } else if (!on && end !== undefined) {
    monitoring.delete(process);
    end();
  }
  return nodeEvents;
}
