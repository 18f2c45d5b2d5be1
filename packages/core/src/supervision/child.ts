/** Starting a child and saying what came of it, and the rules of a valid child spec. @see supervisor:check_childspecs/1 */
import { type ChildSpec, startChildOf } from "../behaviour/child-spec.ts";
import type { Started } from "../behaviour/gen.ts";
import { badArgument, InterlockError } from "../errors.ts";
import { exitSignal } from "../process/exit.ts";
import { type ExitReason, reasonOf } from "../process/exit-reason.ts";
import type { LocalPid } from "../process/pid.ts";
import { isThenable } from "../process/plain.ts";
import type { Process } from "../process/process.ts";
import type { AutoShutdown } from "./flags.ts";
import { after, type MaybePromise } from "./sequence.ts";

export type StartOutcome =
  | { readonly started: LocalPid }
  | { readonly started: undefined; readonly error: undefined }
  | { readonly started: undefined; readonly error: { readonly reason: ExitReason } };

const IGNORED: StartOutcome = { started: undefined, error: undefined };

export function startChild(spec: ChildSpec, supervisor: Process): MaybePromise<StartOutcome> {
  return after(
    outcomeOf(() => startChildOf(spec, supervisor)),
    (outcome) => {
      if (supervisor.alive || outcome.started === undefined) return outcome;
      // The supervisor was killed meanwhile: what it was starting would be nobody's.
      const orphan = outcome.started.process;
      if (orphan !== undefined) exitSignal(supervisor.pid, orphan, "kill");
      return { started: undefined, error: { reason: supervisor.exitReason } };
    },
  );
}

export function outcomeOf(start: () => MaybePromise<Started>): MaybePromise<StartOutcome> {
  try {
    const started = start();
    return isThenable(started) ? (started as Promise<Started>).then(succeeded, failed) : succeeded(started as Started);
  } catch (error) {
    return failed(error);
  }
}

function succeeded(started: Started): StartOutcome {
  return "ignored" in started ? IGNORED : { started: started.pid };
}

function failed(error: unknown): StartOutcome {
  return { started: undefined, error: { reason: startReason(error) } };
}

/** Why a start failed, as a reason. */
function startReason(error: unknown): ExitReason {
  if (!(error instanceof InterlockError)) return reasonOf(error);
  const known = error as InterlockError;
  if (known.code === "INTERLOCK_START_FAILED") return (known.details as { reason: ExitReason }).reason;
  if (known.code === "INTERLOCK_ALREADY_STARTED") return { already_started: (known.details as { pid: unknown }).pid };
  return { error: known };
}

/** `spec` of a child that runs and is never started again, without what it was started with. */
export function withoutStart(spec: ChildSpec): ChildSpec {
  const start: ChildSpec["start"] = () =>
    Promise.reject(badArgument(`start of child ${spec.id}`, "a call", "left alone: a temporary child is started once"));
  return "body" in spec ? ({ ...spec, args: [] } as ChildSpec) : { ...spec, start };
}

const RESTARTS = ["permanent", "transient", "temporary"];

/** **Errors** `INTERLOCK_BAD_ARGUMENT` names the first fault. */
export function checkSpec(spec: ChildSpec, autoShutdown: AutoShutdown): void {
  if (typeof spec !== "object" || spec === null)
    throw badArgument("a child spec", spec, "an object: Module.child(args)");
  const { id, modules = [], restart = "permanent", shutdownMs, significant = false, start, type = "worker" } = spec;
  const of = (key: string): string => `${key} of child ${String(id)}`;
  if (typeof id !== "string" || id === "") throw badArgument("id of a child", id, "a non-empty string");
  if (typeof start !== "function") throw badArgument(of("start"), start, "a function");
  if (!RESTARTS.includes(restart)) throw badArgument(of("restart"), restart, RESTARTS.join(", "));
  if (type !== "worker" && type !== "supervisor") throw badArgument(of("type"), type, '"worker" or "supervisor"');
  if (
    shutdownMs !== undefined &&
    shutdownMs !== "infinity" &&
    shutdownMs !== "brutal_kill" &&
    !(typeof shutdownMs === "number" && shutdownMs >= 0)
  )
    throw badArgument(of("shutdownMs"), shutdownMs, 'milliseconds, "infinity" or "brutal_kill"');
  if (!Array.isArray(modules) || !modules.every((name) => typeof name === "string"))
    throw badArgument(of("modules"), modules, "an array of names");
  if (typeof significant !== "boolean") throw badArgument(of("significant"), significant, "a boolean");
  if (significant && restart === "permanent")
    throw badArgument(of("significant"), true, "false: a permanent child is always restarted");
  if (significant && autoShutdown === "never")
    throw badArgument(of("significant"), true, 'false, as the supervisor\'s autoShutdown is "never"');
}
