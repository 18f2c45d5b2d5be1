/**
 * Which process the running code belongs to. Each slice of a process runs in an async context of its own, entered from
 * one root, so that a process never sees its waker's or spawner's other async stores, and so that whatever it starts
 * (timers, sockets, promises) can be attributed to it. Hot file: `bench` rows with "containment".
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import type { Process } from "./process.ts";

const store = new AsyncLocalStorage<Process | undefined>({ name: "interlock" });
// Made when this module is first imported, so before any process exists: the context that all slices start from.
const root = new AsyncResource("interlock", { requireManualDestroy: true });

let contained = true;
let ambient: Process | undefined;

/** Without contexts only the synchronous part of a slice knows its process. For measuring what containment costs. */
export function useContexts(on: boolean): void {
  contained = on;
}

/** The process whose code this is, dead or alive; undefined outside any. */
export function currentProcess(): Process | undefined {
  return contained ? store.getStore() : ambient;
}

/** Runs `slice` as `process`. It must not throw. */
export function runAs<A, R>(process: Process, slice: (process: Process, argument: A) => R, argument: A): R {
  if (contained) return root.runInAsyncScope(enter, undefined, process, slice, argument) as R;
  const outer = ambient;
  ambient = process;
  try {
    return slice(process, argument);
  } finally {
    ambient = outer;
  }
}

function enter<A, R>(process: Process, slice: (process: Process, argument: A) => R, argument: A): R {
  store.enterWith(process);
  return slice(process, argument);
}

/**
 * Runs `make` outside any process: what it starts belongs to nobody. For pools, clients and whatever else is shared:
 * an error they throw later must not end the process that happened to make them.
 */
export function unowned<T>(make: () => T): T {
  if (contained) return store.run(undefined, make);
  const outer = ambient;
  ambient = undefined;
  try {
    return make();
  } finally {
    ambient = outer;
  }
}
