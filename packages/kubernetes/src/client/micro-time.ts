/**
 * Kubernetes' MicroTime of a Unix time in milliseconds. `microseconds` (0 to 999) tells apart what happened in the same
 * millisecond.
 */
export function microTime(wallTimeMs: number, microseconds = 0): string {
  return new Date(wallTimeMs).toISOString().replace("Z", `${String(microseconds).padStart(3, "0")}Z`);
}
