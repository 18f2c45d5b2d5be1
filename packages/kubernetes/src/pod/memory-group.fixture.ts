/** A memory group of this machine, as containers are in one. */
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

export interface MemoryGroup {
  /** What runs a command in it, put before that. */
  readonly within: readonly string[];
  end(): Promise<void>;
}

const MIB = 1_048_576;
let made = 0;

/** Of cgroup v1; undefined where none can be made. */
export function memoryGroup(limitMiB: number): MemoryGroup | undefined {
  const group = `/sys/fs/cgroup/memory/interlock-test-${process.pid}-${++made}`;
  try {
    mkdirSync(group);
    writeFileSync(`${group}/memory.limit_in_bytes`, String(limitMiB * MIB));
  } catch {
    return undefined;
  }
  return {
    within: ["sh", "-c", `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`],
    async end() {
      // The kernel takes a moment to see that nobody is in it any more.
      for (let tries = 0; tries < 50; tries++)
        try {
          return rmdirSync(group);
        } catch {
          await pause(100);
        }
    },
  };
}
