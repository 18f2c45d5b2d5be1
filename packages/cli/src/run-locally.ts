/** A cluster on this machine: nodes as operating-system processes, restarted when they die, and one URL in front. */
import { nodeRuntime } from "@interlock/core";
import { announceNodes, announceUrl } from "./announce.ts";
import { type Balancer, startBalancer } from "./balancer/balancer.ts";
import { CliError } from "./errors.ts";
import { type LocalPlatformOptions, localPlatform } from "./platform/local-platform.ts";
import type { NodeSpec, Platform } from "./platform/platform.ts";

export interface RunLocallyOptions extends Omit<NodeSpec, "nodes">, LocalPlatformOptions {
  /** Default 3. */
  readonly nodes?: number;
  /** Of the one URL in front; 0 takes any that is free. Default 4000. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** What runs in this program, beside the nodes: started before them, and ended when they have. */
  readonly beside?: (platform: Platform) => Promise<AsyncDisposable>;
}

export interface LocalRun extends AsyncDisposable {
  /** Where visitors go. */
  readonly url: string;
  readonly platform: Platform;
  /** Resolves when everything has ended, after a signal or `close()`. */
  readonly ended: Promise<void>;
  /** Ends everything politely; called again it hurries, as the platform's. */
  close(): Promise<void>;
}

const DEFAULT_NODES = 3;
const DEFAULT_PORT = 4_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const MOST_SIGNALS = 3;
/** One Ctrl-C comes twice where npm stands between: from the terminal, and passed on by npm. */
const ECHO_MS = 500;
/** The exit code of a program that was interrupted, as shells have it. */
const INTERRUPTED = 130;
/** So often a node may end before any has ever been ready. */
const MOST_FALSE_STARTS = 2;

/**
 * Starts the nodes and the balancer in front of them, says so in a few lines, and takes SIGINT, SIGTERM and SIGHUP: the
 * first stops all nodes politely, the second gives them little time, the third kills them. Resolves when all nodes are ready,
 * or when everything has ended before that.
 *
 * **Errors** `INTERLOCK_BALANCER_PORT`, `INTERLOCK_NODES_START`, `INTERLOCK_LAUNCH_OPTION`.
 *
 * @example
 * import { createServer } from "node:http";
 * import type { AddressInfo } from "node:net";
 * import { launchedNode, ready } from "@interlock/cli/child";
 * if (launchedNode() === undefined) {
 *   const run = await runLocally({ app: "hello", entry: import.meta.url, nodes: 2, port: 0, stdout: process.stderr });
 *   const answer = await fetch(run.url);
 *   console.log(await answer.text()); // hello
 *   await run.close();
 * } else {
 *   const server = createServer((_request, response) => void response.end("hello"));
 *   server.listen(0, "127.0.0.1", () => ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
 *   process.on("SIGTERM", () => process.exit());
 * }
 */
export async function runLocally(options: RunLocallyOptions): Promise<LocalRun> {
  const { entry, host = "127.0.0.1", nodes = DEFAULT_NODES, port = DEFAULT_PORT } = options;
  const { stdout = process.stdout } = options;
  const platform = await localPlatform(options);
  const visited = (): readonly { id: string; url: string }[] =>
    platform.nodes().flatMap(({ id, state, url }) => (state === "ready" && url !== undefined ? [{ id, url }] : []));
  const balancer = await startBalancer({ host, port, upstreams: visited }).catch(async (error: unknown) => {
    await platform.close();
    throw error;
  });
  const beside = await options.beside?.(platform).catch(async (error: unknown) => {
    await Promise.all([platform.close(), balancer.close()]);
    throw error;
  });
  if (beside !== undefined) platform.keep(beside);
  const run = new Run(platform, balancer);
  platform.watch(() => balancer.refresh());
  announceNodes(platform, stdout);
  try {
    const up = untilUp(platform, nodes, String(entry));
    await platform.start({ ...options, nodes });
    await Promise.race([up, run.ended]);
  } catch (error) {
    await run.close();
    throw error;
  }
  if (!run.isClosing) announceUrl(platform, options.app, balancer.url, stdout);
  return run;
}

/** Each node has been ready, or fails again and again while others are. Rejects when none ever was and they fail. */
function untilUp(platform: Platform, nodes: number, entry: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const readyOnes = new Set<string>();
  const failingOnes = new Set<string>();
  if (nodes === 0) resolve();
  const end = platform.watch(({ id, reason = "", restarts, state }) => {
    if (state === "ready") readyOnes.add(id);
    if (state === "failed" && restarts >= MOST_FALSE_STARTS - 1) failingOnes.add(id);
    if (readyOnes.size === 0 && failingOnes.size > 0) {
      const problem = `${id} ${reason}`;
      reject(new CliError("INTERLOCK_NODES_START", `No node came up: ${problem}`, { entry, problem }));
    } else if (new Set([...readyOnes, ...failingOnes]).size === nodes) resolve();
  });
  return promise.finally(end);
}

class Run implements LocalRun {
  readonly platform: Platform;
  readonly ended: Promise<void>;
  readonly #balancer: Balancer;
  readonly #over = Promise.withResolvers<void>();
  readonly #signalled = (signal: NodeJS.Signals): void => this.#signal(signal);
  #last: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  #closed: Promise<void> | undefined;
  #signals = 0;
  isClosing = false;

  constructor(platform: Platform, balancer: Balancer) {
    for (const signal of SIGNALS) process.on(signal, this.#signalled);
    this.platform = platform;
    this.#balancer = balancer;
    this.ended = this.#over.promise;
  }

  get url(): string {
    return this.#balancer.url;
  }

  close(): Promise<void> {
    this.isClosing = true;
    const nodesEnded = this.platform.close();
    this.#closed ??= this.#close(nodesEnded);
    return this.#closed;
  }

  async #close(nodesEnded: Promise<void>): Promise<void> {
    await nodesEnded;
    // After them: until then visitors finish what they have, and nodes use what runs beside them.
    await this.#balancer.close();
    for (const signal of SIGNALS) process.off(signal, this.#signalled);
    this.#over.resolve();
  }

  #signal(signal: NodeJS.Signals): void {
    const nowMs = nodeRuntime.clock.now();
    const isEcho = signal === this.#last?.signal && nowMs - this.#last.atMs < ECHO_MS;
    this.#last = { signal, atMs: nowMs };
    if (isEcho) return;
    void this.close();
    this.#signals += 1;
    // Somebody who asks three times waits for nothing else once the nodes are gone.
    if (this.#signals === MOST_SIGNALS) void this.platform.close().then(() => nodeRuntime.program.halt(INTERRUPTED));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
