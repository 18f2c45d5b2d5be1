/** What is compared: four deployments, all asked and rolled through Kubernetes. */
import { type App, type Pod, podsOf } from "../../e2e/pods.ts";

export const deploymentNames = ["plain", "good-practice", "newsroom-1", "newsroom-3"] as const;
export type DeploymentName = (typeof deploymentNames)[number];

/** Until some pod has the chat's room. */
export const ROOM_MS = 10_000;

export interface Target extends App {
  readonly name: DeploymentName;
  /** The next version, until it is there. */
  roll(): Promise<void>;
  /** A version with a port that is no number. @returns what whoever sent it was told, and when. */
  rollBad(patienceMs: number): Promise<Refusal>;
  /** Back to the version before. */
  undo(): Promise<void>;
  /** Brings the ticker back, once the exchange is in order, if it does not come back by itself. @returns what was done. */
  mendTicker(pod: string): Promise<readonly string[]>;
  /** The name of the pod that has the chat's room. */
  roomPod(): Promise<string>;
  /** How often supervisors have started something anew. */
  supervisorRestarts(): Promise<number>;
}

export interface Refusal {
  /** Undefined: was told nothing in so long a time. */
  readonly toldAfterMs?: number | undefined;
  readonly text: string;
}

/** Those that neither go nor have ended. */
export async function livePodsOf(app: App): Promise<readonly Pod[]> {
  return (await podsOf(app)).filter(({ hasFailed, isGoing }) => !hasFailed && !isGoing);
}
