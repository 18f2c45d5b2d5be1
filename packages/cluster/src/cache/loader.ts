/** One load in a process of its own: what it starts is its own, and ends with it. */
import { type ExitReason, type LocalNode, type Self, unowned } from "@interlock/core";
import { exitFrom, onEnd, showReason, spawnProcess } from "@interlock/core/distribution";
import { ClusterError } from "../errors.ts";
import type { CacheKey } from "./state.ts";

export interface LoadRules<K extends CacheKey = CacheKey> {
  readonly name: string;
  readonly load: (key: K, signal: AbortSignal) => unknown;
  readonly loadMs: number;
}

export interface RunningLoad {
  /** What it gives. Rejects with what it throws, or `INTERLOCK_CACHE_LOAD`. */
  readonly value: Promise<unknown>;
  end(reason: ExitReason): void;
}

export function startLoad(node: LocalNode, { load, loadMs, name }: LoadRules, key: CacheKey): RunningLoad {
  const { promise, reject, resolve } = Promise.withResolvers<unknown>();
  const run = async (self: Self<unknown>): Promise<void> => {
    self.setLabel(`${name} load`);
    try {
      resolve(await load(key, self.signal));
    } catch (error) {
      // Not the end of this process by a failure: those that wait are told, and a report would tell it twice.
      reject(error as Error);
    }
  };
  const process = spawnProcess(node, run, undefined, false, undefined);
  const end = (reason: ExitReason): void => exitFrom(process.pid, process, reason);
  const limit = unowned(() =>
    node.after(loadMs, () => {
      reject(loadError(name, key, `nothing within ${loadMs} ms`));
      end("kill");
    }),
  );
  onEnd(process, (reason) => {
    limit.cancel();
    reject(loadError(name, key, `its process ended: ${showReason(reason)}`));
  });
  return { value: promise, end };
}

function loadError(cache: string, key: CacheKey, problem: string): ClusterError<"INTERLOCK_CACHE_LOAD"> {
  return new ClusterError("INTERLOCK_CACHE_LOAD", `Cache ${cache} cannot load ${String(key)}: ${problem}`, {
    cache,
    key: String(key),
    problem,
  });
}
