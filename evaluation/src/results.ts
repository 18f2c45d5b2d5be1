/** What `docs/evaluation.json` holds: enough to write the page again without a cluster. Pure. */
import type { Measured } from "./measure.ts";
import type { Rung } from "./rung.ts";
import type { DeploymentName } from "./target.ts";

export interface Run {
  readonly deployment: DeploymentName;
  readonly fault: string;
  /** ISO 8601. */
  readonly measuredAt: string;
  /** Of the machine, the minute before the end. */
  readonly loadAverage: number;
  /** In which second of the run the fault began. */
  readonly injectedAt: number;
  readonly measured: Measured;
  readonly rungs: readonly Rung[];
  readonly notes: readonly string[];
}

/** What could not be measured, and why. */
export interface Omission {
  readonly deployment: DeploymentName;
  readonly fault: string;
  readonly problem: string;
}

/** Of one pod. */
export interface Cost {
  readonly deployment: DeploymentName;
  readonly residentMiB: number;
  /** Of one core, while visitors are there. */
  readonly cpuPercent: number;
  readonly startSeconds: number;
}

export interface Environment {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly nodeJs: string;
  readonly kubernetes: string;
  readonly nodes: number;
}

export interface Results {
  readonly environment: Environment;
  readonly costs: readonly Cost[];
  readonly runs: readonly Run[];
  readonly omissions: readonly Omission[];
}

/** What was measured anew takes the place of what was there. */
export function merged(before: Results | undefined, now: Results): Results {
  const key = ({ deployment, fault }: Run | Omission): string => `${deployment} ${fault}`;
  const anew = new Set([...now.runs, ...now.omissions].map(key));
  const kept = <Entry extends Run | Omission>(entries: readonly Entry[] = []): readonly Entry[] =>
    entries.filter((entry) => !anew.has(key(entry)));
  const costly = new Set(now.costs.map(({ deployment }) => deployment));
  return {
    environment: now.environment,
    costs: [...(before?.costs.filter(({ deployment }) => !costly.has(deployment)) ?? []), ...now.costs],
    runs: [...kept(before?.runs), ...now.runs],
    omissions: [...kept(before?.omissions), ...now.omissions],
  };
}
