/** Which rungs of the ladder of failure acted, from how the pods were before and after. Pure. */

export const rungs = [
  "handler",
  "supervisor",
  "another node",
  "container restarted",
  "pod replaced",
  "rolling update",
  "rollout refused",
  "nobody",
] as const;
export type Rung = (typeof rungs)[number];

export interface Standing {
  /** By their uids, how often their containers were restarted. */
  readonly restarts: Readonly<Record<string, number>>;
  readonly supervisorRestarts: number;
  /** The uid of the pod with the chat's room; empty where nobody is in it any more. */
  readonly roomPod: string;
}

export interface Happened {
  readonly before: Standing;
  readonly after: Standing;
  /** What was done on purpose: pods that come and go by it are no failure. */
  readonly planned?: "rolling update" | "bad version" | undefined;
  readonly isHealed: boolean;
  /** Whether any visitor was told of an error. */
  readonly isNoticed: boolean;
}

/** From the lowest to the highest. Empty: there was nothing to do. */
export function rungsOf({ after, before, isHealed, isNoticed, planned }: Happened): readonly Rung[] {
  const acted = new Set<Rung>();
  const uids = Object.keys(before.restarts);
  const isThereAll = uids.every((uid) => uid in after.restarts);
  if (after.supervisorRestarts > before.supervisorRestarts && isThereAll) acted.add("supervisor");
  const isElsewhere = after.roomPod !== "" && after.roomPod !== before.roomPod;
  if (uids.length > 1 && isElsewhere && planned === undefined) acted.add("another node");
  if (uids.some((uid) => (after.restarts[uid] ?? 0) > (before.restarts[uid] ?? 0))) acted.add("container restarted");
  if (!isThereAll && planned === undefined) acted.add("pod replaced");
  if (planned === "rolling update") acted.add("rolling update");
  if (planned === "bad version" && isThereAll) acted.add("rollout refused");
  if (!isHealed) acted.add("nobody");
  else if (acted.size === 0 && isNoticed) acted.add("handler");
  return rungs.filter((rung) => acted.has(rung));
}
