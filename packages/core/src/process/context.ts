/**
 * Which process the running code belongs to. Each slice of a process runs in an async context of its own, entered from
 * one root, so that a process never sees its waker's or spawner's other async stores, and so that whatever it starts
 * (timers, sockets, promises) can be attributed to it.
 *
 * Entering costs 45 ns and a frame; a process that proves hot gets a prebuilt resource, which halves that. At most
 * MOST_HOT processes keep one (about 300 bytes each), the oldest gives its up. Hot file: `bench` row ring_1000_hop and
 * every row with "containment".
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import type { Process } from "./process.ts";

const store = new AsyncLocalStorage<Process | undefined>({ name: "interlock" });
// Made when this module is first imported, so before any process exists: the context that all slices start from.
const root = new AsyncResource("interlock", { requireManualDestroy: true });

/**
 * A process is heated at every 32nd message only: when more than MOST_HOT take turns, each making a resource that the
 * next one drives out would cost more than it saves.
 */
const HOT = 32;
const MOST_HOT = 16_384;
/** The context of a hot process, and where in the pool it stands. */
export class HotContext extends AsyncResource {
  readonly place: number;

  constructor(place: number) {
    super("interlock", { requireManualDestroy: true });
    this.place = place;
  }
}

const hot: (Process | undefined)[] = [];
let nextHot = 0;

let contained = true;
/** The process whose synchronous slice is on the stack: known without asking the async context. */
let running: Process | undefined;

/** Without contexts only the synchronous part of a slice knows its process. For measuring what containment costs. */
export function useContexts(on: boolean): void {
  contained = on;
}

/** The process whose code this is, dead or alive; undefined outside any. */
export function currentProcess(): Process | undefined {
  return running ?? store.getStore();
}

/** The process that the async context belongs to: what a stray error is attributed to. */
export function owningProcess(): Process | undefined {
  return store.getStore();
}

/** Runs `slice` as `process`. */
export function runAs<A, R>(process: Process, slice: (process: Process, argument: A) => R, argument: A): R {
  const outer = running;
  running = process;
  try {
    if (process.context !== undefined) return process.context.runInAsyncScope(slice, undefined, process, argument) as R;
    if (contained) return root.runInAsyncScope(enter, undefined, process, slice, argument) as R;
    return slice(process, argument);
  } finally {
    running = outer;
  }
}

/** The first slice of a plain process: what follows an `await` in it keeps this context, contained or not. */
export function startAs<A, R>(process: Process, slice: (process: Process, argument: A) => R, argument: A): R {
  return contained ? runAs(process, slice, argument) : store.run(process, () => runAs(process, slice, argument));
}

function enter<A, R>(process: Process, slice: (process: Process, argument: A) => R, argument: A): R {
  store.enterWith(process);
  if (process.reductions % HOT === HOT - 1 && process.alive) heat(process);
  return slice(process, argument);
}

/** Called in the context of `process`, which the new resource captures. */
function heat(process: Process): void {
  const coldest = hot[nextHot];
  if (coldest !== undefined) coldest.context = undefined;
  process.context = new HotContext(nextHot);
  hot[nextHot] = process;
  nextHot = (nextHot + 1) % MOST_HOT;
}

/** Takes the prebuilt context of a process that ends: the pool must not keep the dead. */
export function cool(process: Process): void {
  if (process.context === undefined) return;
  hot[process.context.place] = undefined;
  process.context = undefined;
}

/**
 * Runs `make` outside any process: what it starts belongs to nobody. For pools, clients and whatever else is shared:
 * an error they throw later must not end the process that happened to make them.
 *
 * @example
 * import { Agent } from "node:http";
 * let agent: Agent | undefined;
 * // All processes share its sockets, so their errors must not end the process that happened to ask first.
 * function sharedAgent(): Agent {
 *   agent ??= unowned(() => new Agent({ keepAlive: true }));
 *   return agent;
 * }
 * spawn(() => console.log(sharedAgent() === sharedAgent())); // true
 */
export function unowned<T>(make: () => T): T {
  const outer = running;
  running = undefined;
  try {
    return store.run(undefined, make);
  } finally {
    running = outer;
  }
}
