/**
 * How a pod ends, as a value: `(state, event) → [state, effects]`. No clock and no timer; whoever owns those feeds in what has
 * happened and does what it is told.
 *
 *     serving → settling → moving (hand-off ∥ requests) → closing → stopping → leaving → flushing → ended
 *
 * Every step from `settling` on has a timer, so whatever is lost, it ends, within the sum of the budgets.
 */
import type { DrainBudgets } from "./budgets.ts";

export type DrainStep = "handoff" | "requests" | "close" | "stop" | "leave" | "flush";
export type DrainTimer = "settle" | DrainStep;
export type DrainPhase = "serving" | "settling" | "moving" | "closing" | "stopping" | "leaving" | "flushing" | "ended";

export type DrainEvent =
  /** The kubelet's hook; it waits for an answer. */
  | { readonly type: "preStop" }
  /** `quit`: at once. */
  | { readonly type: "signal"; readonly quit: boolean }
  /** A permanent application has ended by itself, and the others have been stopped. */
  | { readonly type: "gaveUp" }
  | { readonly type: "due"; readonly timer: DrainTimer }
  | { readonly type: "done"; readonly step: DrainStep };

export type DrainEffect =
  /** Everybody is to hear that this pod goes: `Connection: close`, GOAWAY, nothing new is placed here. */
  | { readonly type: "announce" }
  /** All hooks that wait. */
  | { readonly type: "answerPreStop" }
  | { readonly type: "begin"; readonly step: DrainStep; readonly budgetMs: number }
  /** What is not done yet shall give up. */
  | { readonly type: "cut"; readonly step: DrainStep }
  | { readonly type: "timer"; readonly timer: DrainTimer; readonly delayMs: number }
  | { readonly type: "exit"; readonly code: number };

export interface DrainState {
  readonly phase: DrainPhase;
  readonly budgets: DrainBudgets;
  /** Signals so far. */
  readonly signals: number;
  /** Whether a hook waits for its answer. */
  readonly isAsked: boolean;
  /** What of the moving phase goes on. */
  readonly moving: readonly ("handoff" | "requests")[];
  readonly exitCode: number;
}

/** What a program's end says. One that hangs has 133 as PID 1 of its container, else 137. */
export const podExitCodes = {
  /** Drained. */
  drained: 0,
  /** The application could not start, or its root supervisor has given up. */
  failed: 1,
  /** The configuration is wrong: starting again does not help. */
  usage: 2,
  /** Ended at once, by a third signal or by SIGQUIT. */
  interrupted: 130,
} as const;

/** The kubelet has stopped waiting for its hook: the grace is over, and the kill comes 2 s later. */
const HURRIED: DrainBudgets = {
  settleMs: 0,
  requestsMs: 600,
  handoffMs: 0,
  closeMs: 100,
  stopMs: 400,
  leaveMs: 300,
  flushMs: 100,
};

type Step = readonly [DrainState, readonly DrainEffect[]];

export function serving(budgets: DrainBudgets): DrainState {
  return { phase: "serving", budgets, signals: 0, isAsked: false, moving: [], exitCode: podExitCodes.drained };
}

export function drainNext(state: DrainState, event: DrainEvent): Step {
  if (state.phase === "ended") return event.type === "preStop" ? [state, [{ type: "answerPreStop" }]] : [state, []];
  switch (event.type) {
    case "preStop":
      return asked(state);
    case "signal":
      return signalled(state, event.quit);
    case "gaveUp":
      return gaveUp(state);
    case "due":
      return due(state, event.timer);
    case "done":
      return done(state, event.step);
  }
}

function asked(state: DrainState): Step {
  if (state.phase === "serving") return settle({ ...state, isAsked: true });
  if (state.phase === "settling") return [{ ...state, isAsked: true }, []];
  return [state, [{ type: "answerPreStop" }]];
}

function signalled(before: DrainState, quit: boolean): Step {
  const state = { ...before, signals: before.signals + 1 };
  if (quit || state.signals >= 3) return end({ ...state, exitCode: podExitCodes.interrupted }, cutMoving(state));
  if (state.signals === 2) return withoutHandoff(state);
  if (state.phase === "serving") return settle(state);
  // After the hook that is the kubelet's usual next step. Before its answer it means that the kubelet waits no more.
  return state.phase === "settling" && state.isAsked
    ? withoutHandoff({ ...state, budgets: hurried(state.budgets) })
    : [state, []];
}

function hurried(budgets: DrainBudgets): DrainBudgets {
  const names = Object.keys(HURRIED) as (keyof DrainBudgets)[];
  return Object.fromEntries(names.map((name) => [name, Math.min(budgets[name], HURRIED[name])])) as never;
}

function settle(state: DrainState): Step {
  const { settleMs } = state.budgets;
  return [
    { ...state, phase: "settling" },
    [{ type: "announce" }, { type: "timer", timer: "settle", delayMs: settleMs }],
  ];
}

function withoutHandoff(state: DrainState): Step {
  if (state.phase === "serving" || state.phase === "settling") return move(state, ["requests"]);
  if (state.phase === "moving" && state.moving.includes("handoff")) return cut(state, "handoff");
  return [state, []];
}

function move(state: DrainState, moving: readonly ("handoff" | "requests")[]): Step {
  const answer: readonly DrainEffect[] = state.isAsked ? [{ type: "answerPreStop" }] : [];
  const begins = moving.flatMap((step) => begin(state, step));
  return [{ ...state, phase: "moving", isAsked: false, moving }, [...answer, ...begins]];
}

function begin({ budgets }: DrainState, step: DrainStep): readonly DrainEffect[] {
  const budgetMs = budgets[`${step}Ms`];
  return [
    { type: "begin", step, budgetMs },
    { type: "timer", timer: step, delayMs: budgetMs },
  ];
}

function due(state: DrainState, timer: DrainTimer): Step {
  if (timer === "settle") return state.phase === "settling" ? move(state, ["handoff", "requests"]) : [state, []];
  return goesOn(state, timer) ? cut(state, timer) : [state, []];
}

function done(state: DrainState, step: DrainStep): Step {
  return goesOn(state, step) ? over(state, step) : [state, []];
}

function goesOn({ moving, phase }: DrainState, step: DrainStep): boolean {
  return step === "handoff" || step === "requests" ? moving.includes(step) : phase === phaseOf[step];
}

function cut(state: DrainState, step: DrainStep): Step {
  const [next, effects] = over(state, step);
  return [next, [{ type: "cut", step }, ...effects]];
}

const phaseOf = { close: "closing", stop: "stopping", leave: "leaving", flush: "flushing" } as const;
const following = { close: "stop", stop: "leave", leave: "flush" } as const;

function over(state: DrainState, step: DrainStep): Step {
  if (step === "handoff" || step === "requests") {
    const moving = state.moving.filter((one) => one !== step);
    return moving.length > 0 ? [{ ...state, moving }, []] : enter({ ...state, moving }, "close");
  }
  return step === "flush" ? end(state, []) : enter(state, following[step]);
}

function enter(state: DrainState, step: keyof typeof phaseOf): Step {
  return [{ ...state, phase: phaseOf[step] }, begin(state, step)];
}

/** Nothing is left that could be handed over or stopped: what remains is to say goodbye. */
function gaveUp(state: DrainState): Step {
  const { phase } = state;
  if (phase === "stopping" || phase === "leaving" || phase === "flushing") return [state, []];
  const failed = { ...state, exitCode: podExitCodes.failed, isAsked: false, moving: [] };
  const answer: readonly DrainEffect[] = state.isAsked ? [{ type: "answerPreStop" }] : [];
  const [next, effects] = enter(failed, "leave");
  return [next, [...answer, ...cutMoving(state), ...effects]];
}

function cutMoving({ moving }: DrainState): readonly DrainEffect[] {
  return moving.map((step) => ({ type: "cut", step }));
}

function end(state: DrainState, before: readonly DrainEffect[]): Step {
  const answer: readonly DrainEffect[] = state.isAsked ? [{ type: "answerPreStop" }] : [];
  return [
    { ...state, phase: "ended", isAsked: false, moving: [] },
    [...before, ...answer, { type: "exit", code: state.exitCode }],
  ];
}
