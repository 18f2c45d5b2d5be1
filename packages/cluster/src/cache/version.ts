/**
 * Which of two states of a key is the later one, the same on all nodes. A write has the time of a Lamport clock that never
 * falls behind the time of day, so that a process that has lost its clock does not write into the past; writers at the same
 * time are ordered by their names.
 *
 * A load refines the version it began upon: the value it brings is later than that one and earlier than every write that
 * its node had not heard of when it began, whatever the clocks of the two say.
 */
export type Version = readonly [clock: number, writer: string, loadedMs: number, loader: string];

export const NEVER: Version = [0, "", 0, ""];

/** Below 0: `left` is the earlier one. */
export function compareVersions(left: Version, right: Version): number {
  return left[0] - right[0] || compareNames(left[1], right[1]) || left[2] - right[2] || compareNames(left[3], right[3]);
}

export function laterVersion(left: Version, right: Version): Version {
  return compareVersions(left, right) < 0 ? right : left;
}

function compareNames(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

export class VersionClock {
  /** Of this life of this process, and of no other in the cluster. */
  readonly #origin: string;
  #latest = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  seen(version: Version): void {
    this.#latest = Math.max(this.#latest, version[0]);
  }

  /** Of a write that happens now. */
  write(nowMs: number): Version {
    this.#latest = Math.max(this.#latest + 1, Math.floor(nowMs));
    return [this.#latest, this.#origin, 0, ""];
  }

  /** Of a load that begins now, upon `base`. */
  load(base: Version, nowMs: number): Version {
    return [base[0], base[1], Math.max(base[2] + 1, Math.floor(nowMs)), this.#origin];
  }
}
