/** What a pod's program is told about itself: options first, then what `interlock deploy` wrote into the environment. */
import type { ConfigProvider } from "@interlock/core";
import { type DrainBudgets, defaultBudgets, fitInto } from "./drain/budgets.ts";
import { environmentError } from "./place.ts";

export interface PodOptions {
  /** Where the kubelet asks. Default 9101; 0 takes any port that is free. */
  readonly managementPort?: number;
  /** Default: all addresses, as the kubelet asks by that of the pod. */
  readonly managementHost?: string;
  /** What the preStop hook has to show. Default `INTERLOCK_DRAIN_TOKEN`; without any the hook is refused, and SIGTERM drains. */
  readonly token?: string;
  /** Milliseconds that the main thread may hang before the program is ended, once it has started; 0 is for ever. Default 10 000. */
  readonly hangMs?: number;
  /** Milliseconds by which the event loop may be late, for three periods of 2 s, while the pod is ready. Default 1 000. */
  readonly lateMs?: number;
  /** Percent of the container's memory for the heap; false leaves it as it is. Default 75. */
  readonly heapPercent?: number | false;
  /** Children of root supervisors that have to run for the pod to be ready: `chat_sup`. Default: the permanent ones. */
  readonly critical?: readonly string[];
  /** Default: what `INTERLOCK_DRAIN` says, in seconds: `settle=5,requests=30,handoff=30,leave=5`. */
  readonly drain?: Partial<DrainBudgets>;
  /** Milliseconds between the beginning of the end and the kill. Default `INTERLOCK_GRACE_SECONDS`; else nobody knows. */
  readonly graceMs?: number;
  /** What the application is configured by after its own providers. Default: what is mounted in this pod, `podConfig()`. */
  readonly config?: readonly ConfigProvider[];
  /** Takes a line for people. Default: to stderr. */
  readonly print?: (line: string) => void;
}

type Environment = Readonly<Record<string, string | undefined>>;

const budgetNames = ["settle", "requests", "handoff", "close", "stop", "leave", "flush"] as const;

/** **Errors** `INTERLOCK_POD_ENVIRONMENT`. */
export function drainBudgets({ drain, graceMs }: PodOptions, environment: Environment): DrainBudgets {
  const isPod = environment["KUBERNETES_SERVICE_HOST"] !== undefined || environment["INTERLOCK_APP"] !== undefined;
  // Elsewhere nobody has to hear of it first.
  const otherwise = isPod ? defaultBudgets : { ...defaultBudgets, settleMs: 0 };
  const budgets = { ...otherwise, ...budgetsIn(environment["INTERLOCK_DRAIN"]), ...drain };
  const grace = graceMs ?? graceIn(environment["INTERLOCK_GRACE_SECONDS"]);
  return grace === undefined ? budgets : fitInto(grace, budgets);
}

function budgetsIn(text: string | undefined): Partial<DrainBudgets> {
  if (!text) return {};
  const entries = text.split(",").map((part): readonly [string, number] => {
    const [name = "", seconds = ""] = part.split("=").map((word) => word.trim());
    if (budgetNames.includes(name as never) && /^\d+(\.\d+)?$/.test(seconds))
      return [`${name}Ms`, Number(seconds) * 1_000];
    throw environmentError(
      "INTERLOCK_DRAIN",
      JSON.stringify(part),
      `one of ${budgetNames.join(", ")}, "=" and seconds`,
    );
  });
  return Object.fromEntries(entries);
}

function graceIn(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  if (seconds > 0) return seconds * 1_000;
  throw environmentError("INTERLOCK_GRACE_SECONDS", JSON.stringify(text), "seconds");
}
