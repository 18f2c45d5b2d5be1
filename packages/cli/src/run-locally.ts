/** A cluster on this machine: nodes as operating-system processes, restarted when they die, and one URL in front. */
import { CliError } from "./errors.ts";
import type { NodeSpec, Platform } from "./platform/platform.ts";

export interface RunLocallyOptions extends Omit<NodeSpec, "nodes"> {
  /** Default 3. */
  readonly nodes?: number;
  /** Of the one URL in front; 0 takes any that is free. Default 4000. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Milliseconds that a node has to end politely. Default 10 000. */
  readonly graceMs?: number;
}

export interface LocalRun extends AsyncDisposable {
  /** Where visitors go. */
  readonly url: string;
  readonly platform: Platform;
  /** Resolves when everything has ended, after a signal or `close()`. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the nodes and the balancer in front of them, says so in a few lines, and takes SIGINT, SIGTERM and SIGHUP: the
 * first stops all nodes politely, the second gives them little time, the third kills them. Resolves when all nodes are ready.
 *
 * **Errors** `INTERLOCK_BALANCER_PORT`, `INTERLOCK_NODES_START`, `INTERLOCK_LAUNCH_OPTION`.
 */
export function runLocally(options: RunLocallyOptions): Promise<LocalRun> {
  const entry = String(options.entry);
  return Promise.reject(
    new CliError("INTERLOCK_NODES_START", "Not there yet", { entry, problem: "the launcher is not there yet" }),
  );
}
