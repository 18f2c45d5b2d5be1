/** The worker of the supervisors' tests: it starts by the world's script, and ends in the manner it was given. */
import {
  type ChildOptions,
  type ChildSpec,
  type ExitReason,
  genServer,
  type Ignore,
  ignore,
  type Pid,
  ProcessExit,
  reply,
  type Stop,
  type SupervisorModule,
  type SupervisorRef,
  self,
  stop,
  supervisor,
} from "@interlock/core";

import type { Outcome, World } from "./world.ts";

/**
 * What it does when told to shut down. `meek`: does not trap exits, so it just ends. `tidy`: traps them and cleans up.
 * `deaf`: never ends by itself. `slowMs`: takes its time. `endsWith`: ends with a reason of its own.
 */
export type Manners = "meek" | "tidy" | "deaf" | { readonly slowMs: number } | { readonly endsWith: ExitReason };

interface State {
  readonly world: World;
  readonly id: string;
  readonly manners: Manners;
  readonly own: { wish: boolean };
}

async function later(state: State, outcome: Promise<Outcome>): Promise<State | Ignore | Stop<never, never>> {
  return await begin(state, await outcome);
}

function begin(
  state: State,
  outcome: Outcome,
): State | Ignore | Stop<never, never> | Promise<State | Ignore | Stop<never, never>> {
  const { id, manners, world } = state;
  if (outcome === "ignore") return ignore();
  if (outcome !== "ok") {
    if ("hold" in outcome) {
      outcome.hold.arrive();
      return later(state, outcome.hold.outcome);
    }
    world.write("fail", id);
    if ("throws" in outcome) throw outcome.throws;
    return stop(outcome.fail);
  }
  if (manners !== "meek") self().trapExit();
  world.watch(id, self().pid);
  world.write("start", id);
  return state;
}

export const Worker = genServer({
  name: "worker",
  init: (world: World, id: string, manners: Manners = "meek", ..._more: readonly unknown[]) =>
    begin({ world, id, manners, own: { wish: false } }, world.nextOutcome(id)),
  calls: {
    id: ({ state }) => reply(state.id),
    unlink({ self }, other: Pid) {
      self.unlink(other);
      return reply(undefined);
    },
  },
  casts: {
    end({ state }, reason: ExitReason) {
      state.own.wish = true;
      return stop(reason);
    },
    fail: () => {
      throw new Error("boom");
    },
  },
  terminate({ signal, state: { manners, own, world } }, reason) {
    // Its own wish to end needs no manners.
    if (own.wish || reason !== "shutdown" || manners === "meek" || manners === "tidy") return undefined;
    if (manners === "deaf") return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    if ("slowMs" in manners) return world.sleep(manners.slowMs);
    throw new ProcessExit("itself", manners.endsWith);
  },
});

/** The spec of a worker. */
export function worker(
  world: World,
  id: string,
  { manners = "meek", ...options }: ChildOptions & { readonly manners?: Manners } = {},
): ChildSpec {
  return Worker.child([world, id, manners], { id, ...options });
}

/** Starts a supervisor, linked to the running process. */
export function supervise(
  flags: Partial<Omit<SupervisorModule<[]>, "children">>,
  children: readonly ChildSpec[] = [],
): Promise<SupervisorRef> {
  return supervisor({ name: "sup", strategy: "one_for_one", ...flags, children: () => children }).startLink();
}
