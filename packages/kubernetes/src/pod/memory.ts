/**
 * The heap of this program from the memory limit of its container. V8 reads its limit once, at the very start, so a program
 * that has another one becomes itself again with the right flag (execve: the same process, still PID 1).
 */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

export interface MemoryFacts {
  /** Of the container, in bytes; undefined: there is none. */
  readonly limitBytes: number | undefined;
  /** What V8 takes at most now. */
  readonly heapBytes: number;
  readonly execArgv: readonly string[];
  readonly nodeOptions: string | undefined;
}

export interface HeapPlan {
  /** Why the heap is as large as it is. */
  readonly by: "limit" | "flag" | "default";
  readonly heapMiB: number;
  /** The flag with which the program has to be started anew; undefined: it is right as it is. */
  readonly flag: string | undefined;
}

const MIB = 1_048_576;
const heapFlag = /--max[-_](old[-_]space[-_]size|heap[-_]size)/;
/** V8 counts its young generation, too. */
const TOLERANCE_MIB = 64;
/** Somebody's choice stays; ours is marked, so that it is known again. */
const MARK = "--max-old-space-size=";

/** How large the heap is to be. Pure. */
export function heapPlan(facts: MemoryFacts, percent: number): HeapPlan {
  const { execArgv, heapBytes, limitBytes, nodeOptions = "" } = facts;
  const isMiB = Math.round(heapBytes / MIB);
  const flags = [...execArgv, ...nodeOptions.split(/\s+/)].filter((flag) => heapFlag.test(flag));
  const wantedMiB = limitBytes === undefined ? isMiB : Math.floor((limitBytes * percent) / 100 / MIB);
  const own = `${MARK}${wantedMiB}`;
  if (flags.includes(own)) return { by: "limit", heapMiB: wantedMiB, flag: undefined };
  if (flags.length > 0) return { by: "flag", heapMiB: isMiB, flag: undefined };
  if (limitBytes === undefined) return { by: "default", heapMiB: isMiB, flag: undefined };
  if (isMiB >= wantedMiB && isMiB <= wantedMiB + TOLERANCE_MIB)
    return { by: "limit", heapMiB: wantedMiB, flag: undefined };
  return { by: "limit", heapMiB: wantedMiB, flag: own };
}

function memoryFacts(): MemoryFacts {
  // Of cgroup v1 and v2; without a limit it is 0, or more than the machine has.
  const constrained = process.constrainedMemory();
  const isLimited = constrained > 0 && constrained < totalmem();
  return {
    limitBytes: isLimited ? constrained : undefined,
    heapBytes: getHeapStatistics().heap_size_limit,
    execArgv: process.execArgv,
    nodeOptions: process.env["NODE_OPTIONS"],
  };
}

/**
 * Sees to it that the heap of this program is `percent` of its container's memory. To be called before anything else is
 * imported: where the heap has another size, the program begins anew, in the same process. Does nothing without a limit, and
 * nothing where a heap flag was given.
 *
 * @returns what the heap is.
 */
export function fitHeap(percent = 75): HeapPlan {
  const plan = heapPlan(memoryFacts(), percent);
  if (plan.flag === undefined || process.execve === undefined) return plan;
  const { argv, env, execArgv, execPath } = process;
  return process.execve(execPath, [execPath, plan.flag, ...execArgv, ...argv.slice(1)], env);
}

/** For people. */
export function memoryLine(heap: HeapPlan | undefined): string {
  const { heapBytes, limitBytes } = memoryFacts();
  const limit = limitBytes === undefined ? "no memory limit" : `memory limit ${Math.round(limitBytes / MIB)} MiB`;
  const by = heap?.by === "flag" ? " (by a flag)" : "";
  return `${limit} · heap ${heap?.heapMiB ?? Math.round(heapBytes / MIB)} MiB${by}`;
}
