/** When a supervisor gives up: more than `intensity` restarts within `periodMs`. A pure decision on a sliding window. */

/** The times of past restarts, oldest first. */
export type RestartHistory = readonly number[];

/**
 * Counts a restart at `nowMs`.
 * @returns the history that counts from now on, or `"exceeded"`.
 */
export function allowRestart(
  history: RestartHistory,
  nowMs: number,
  intensity: number,
  periodMs: number,
): RestartHistory | "exceeded" {
  const recent = history.filter((at) => nowMs - at <= periodMs);
  recent.push(nowMs);
  return recent.length > intensity ? "exceeded" : recent;
}
