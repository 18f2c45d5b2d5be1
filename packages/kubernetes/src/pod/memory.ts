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
  /** The flag of `execArgv` with which this program has begun anew. */
  readonly ownFlag: string | undefined;
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
/** Somebody's choice stays; by this variable the program knows its own again. */
const OWN_FLAG = "INTERLOCK_HEAP_FLAG";

/** How large the heap is to be. Pure. */
export function heapPlan(facts: MemoryFacts, percent: number): HeapPlan {
  const { execArgv, heapBytes, limitBytes, nodeOptions = "", ownFlag } = facts;
  const isMiB = Math.round(heapBytes / MIB);
  const flags = [...execArgv, ...nodeOptions.split(/\s+/)].filter((flag) => heapFlag.test(flag));
  const wantedMiB = limitBytes === undefined ? isMiB : Math.floor((limitBytes * percent) / 100 / MIB);
  const own = `--max-old-space-size=${wantedMiB}`;
  if (flags.includes(own)) return { by: "limit", heapMiB: wantedMiB, flag: undefined };
  if (flags.some((flag) => flag !== ownFlag)) return { by: "flag", heapMiB: isMiB, flag: undefined };
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
    ownFlag: process.env[OWN_FLAG],
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
  const facts = memoryFacts();
  const { flag, ...plan } = heapPlan(facts, percent);
  if (flag === undefined || process.execve === undefined) return { ...plan, flag };
  const { argv, env, execArgv, execPath } = process;
  const others = execArgv.filter((one) => one !== facts.ownFlag);
  return process.execve(execPath, [execPath, flag, ...others, ...argv.slice(1)], { ...env, [OWN_FLAG]: flag });
}

/** For people. */
export function memoryLine(heap: HeapPlan | undefined): string {
  const { heapBytes, limitBytes } = memoryFacts();
  const limit = limitBytes === undefined ? "no memory limit" : `memory limit ${Math.round(limitBytes / MIB)} MiB`;
  const by = heap?.by === "flag" ? " (by a flag)" : "";
  return `${limit} · heap ${heap?.heapMiB ?? Math.round(heapBytes / MIB)} MiB${by}`;
}
