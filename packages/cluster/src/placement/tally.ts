/** What a host counts and reports of itself: outcomes of hand-offs, what it had to drop, what went wrong. */
import { channel } from "node:diagnostics_channel";
import { InterlockError, type LocalNode, type NodeName, type Pid, unowned } from "@interlock/core";
import { ClusterError, type ClusterErrorDetails } from "../errors.ts";
import { suspension } from "../node/halt.ts";
import type { HandoffOutcome } from "./effects.ts";
import type { Gate, Sent } from "./gate.ts";
import type { PlacementPlan } from "./plan.ts";

/** `{ placement, node, key, outcome, to }`: a hand-off from this node has come to its end. */
const handoffChannel = channel("interlock:placement.handoff");
/** `{ placement, node, key, capacity }`: a message to a key that is on its way was dropped. */
const droppedChannel = channel("interlock:placement.dropped");

const MOST_NAMED = 10;

/** What became of a node's keys, by number. */
export type DrainResult = { readonly [Outcome in HandoffOutcome]: number };

export class Tally {
  readonly #plan: PlacementPlan;
  readonly #node: LocalNode;
  readonly #counts: Record<HandoffOutcome, number> = { moved: 0, restarted: 0, ended: 0, failed: 0 };
  readonly #failed: string[] = [];
  readonly #done = Promise.withResolvers<void>();

  constructor(plan: PlacementPlan, node: LocalNode) {
    this.#plan = plan;
    this.#node = node;
  }

  get result(): DrainResult {
    return { ...this.#counts };
  }

  drained(): Promise<void> {
    return this.#done.promise;
  }

  /** Nothing is held any more, or nothing is waited for. */
  left(): void {
    // One report, not ten thousand.
    const failed = this.#failed.splice(0);
    const more = failed.length > MOST_NAMED ? ` and ${failed.length - MOST_NAMED} more` : "";
    const names = `${failed.slice(0, MOST_NAMED).join(", ")}${more}`;
    if (failed.length > 0) this.warn(`not handed over, so to be started afresh when used next: ${names}`, undefined);
    this.#done.resolve();
  }

  /** Time is up for `keys`. */
  deadline(keys: readonly string[]): void {
    for (const key of keys) this.settled(key, "failed", undefined);
    this.left();
  }

  settled(key: string, outcome: HandoffOutcome, to: NodeName | undefined): void {
    this.#counts[outcome]++;
    const { name: placement } = this.#plan;
    const node = this.#node.name;
    if (handoffChannel.hasSubscribers) unowned(() => handoffChannel.publish({ placement, node, key, outcome, to }));
    if (outcome === "failed") this.#failed.push(key);
  }

  overflow(key: string, sent: Sent, gate: Gate): void {
    const { capacity, name: placement } = this.#plan;
    if (sent.type === "call") {
      const target = `${placement} ${key}`;
      const message = `${capacity} messages wait for ${target} already`;
      return sent.call.fail(new InterlockError("INTERLOCK_MAILBOX_FULL", message, { target, capacity }));
    }
    if (gate.dropped++ === 0) this.warn(`${capacity} messages wait for ${key}: more are dropped`, undefined);
    const node = this.#node.name;
    if (droppedChannel.hasSubscribers) unowned(() => droppedChannel.publish({ placement, node, key, capacity }));
  }

  /** What a function of the user's gives; `otherwise` if it throws. */
  guarded<T>(run: () => T, otherwise: T, text: string): T {
    try {
      return run();
    } catch (error) {
      this.warn(text, error);
      return otherwise;
    }
  }

  warn(text: string, details: unknown, pid?: Pid): void {
    const at = this.#node.runtime.clock.wallTime();
    this.#node.report({ type: "warning", pid, label: `placement ${this.#plan.name}`, text, details, at });
  }

  error(problem: ClusterErrorDetails["INTERLOCK_PLACEMENT"]["problem"]): ClusterError<"INTERLOCK_PLACEMENT"> {
    return placementError(this.#plan.name, this.#node.name, problem);
  }
}

function placementError(
  placement: string,
  node: NodeName,
  problem: ClusterErrorDetails["INTERLOCK_PLACEMENT"]["problem"],
): ClusterError<"INTERLOCK_PLACEMENT"> {
  const text = {
    not_started: `its child does not run on ${node}`,
    cut_off: `${node} is cut off from the side of its cluster that goes on`,
  };
  const message = `Cannot use the placement ${placement}: ${text[problem]}`;
  return new ClusterError("INTERLOCK_PLACEMENT", message, { placement, node, problem });
}

/** Where there is no host. */
export function unusable(placement: string, node: LocalNode): ClusterError<"INTERLOCK_PLACEMENT"> {
  return placementError(placement, node.name, suspension.isHalted(node) ? "cut_off" : "not_started");
}
