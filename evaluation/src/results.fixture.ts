/** Results as a run of few seconds would have them. */
import type { Measured } from "./measure.ts";
import type { Results, Run } from "./results.ts";
import type { DeploymentName } from "./target.ts";

export function runOf(deployment: DeploymentName, fault: string, measured: Partial<Measured> = {}): Run {
  return {
    deployment,
    fault,
    measuredAt: "2026-11-21T17:30:00.000Z",
    loadAverage: 1,
    injectedAt: 1,
    rungs: [],
    notes: [],
    measured: {
      seconds: 3,
      requests: 240,
      lost: 0,
      errors: {},
      availability: 1,
      healMs: 0,
      messages: 6,
      messagesLost: 0,
      messagesDoubled: 0,
      stateLost: 0,
      usersCut: 0,
      longestGapMs: 0,
      tickerAway: 0,
      series: [
        { sent: 80, lost: 0 },
        { sent: 80, lost: 0 },
        { sent: 80, lost: 0 },
      ],
      ...measured,
    },
  };
}

export function resultsOf(runs: readonly Run[]): Results {
  return {
    environment: {
      processor: "a processor",
      cores: 2,
      memoryGiB: 24,
      nodeJs: "v26.10.0",
      kubernetes: "v1.36.3",
      nodes: 3,
    },
    costs: [],
    runs,
    omissions: [],
  };
}
