/** Groups of this machine, as containers are in one. Of cgroup v1; undefined where none can be made. */
import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

export interface Group {
  /** What runs a command in it, put before that. */
  readonly within: readonly string[];
  end(): Promise<void>;
}

const MIB = 1_048_576;
const PERIOD_US = 100_000;
let made = 0;

export function memoryGroup(limitMiB: number): Group | undefined {
  const group = groupOf("memory");
  group?.write("memory.limit_in_bytes", limitMiB * MIB);
  return group;
}

export function processorGroup(): (Group & { limit(processors: number): void }) | undefined {
  const group = groupOf("cpu");
  if (group === undefined) return undefined;
  return { ...group, limit: (processors) => group.write("cpu.cfs_quota_us", processors * PERIOD_US) };
}

function groupOf(controller: string): (Group & { write(file: string, value: number): void }) | undefined {
  const group = `/sys/fs/cgroup/${controller}/interlock-test-${process.pid}-${++made}`;
  try {
    mkdirSync(group);
    accessSync(`${group}/cgroup.procs`, constants.W_OK);
  } catch {
    return undefined;
  }
  return {
    within: ["sh", "-c", `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`],
    write: (file, value) => writeFileSync(`${group}/${file}`, String(value)),
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
