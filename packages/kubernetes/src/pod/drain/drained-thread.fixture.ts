/**
 * A server that drains in a thread of its own, whose event loop can be halted from outside: what its kernel has got meanwhile, the
 * program has not seen when its timers come due.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

import { PodRegistry } from "../registry.ts";
import { drainHttp } from "./http.ts";

/** What comes due while the thread is halted. */
export type Due = "nothing" | "idle" | "requests" | "close";

interface Task {
  readonly gate: Int32Array;
  readonly certificate: { readonly key: string; readonly cert: string } | undefined;
  /** As Node.js would have it, without what `drainHttp` makes of it. */
  readonly keepAliveMs: number | undefined;
}

type Told = { readonly announce: true } | { readonly halt: true; readonly due: Due } | { readonly begin: Due };

const DUE_MS = 30;
const LONG_MS = 20_000;

export class DrainedThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #gate: Int32Array;
  readonly port: number;

  private constructor(worker: Worker, gate: Int32Array, port: number) {
    this.#worker = worker;
    this.#gate = gate;
    this.port = port;
  }

  static async start(options: Partial<Omit<Task, "gate">> = {}): Promise<DrainedThread> {
    const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const { certificate, keepAliveMs } = options;
    const workerData: Task = { gate, certificate, keepAliveMs };
    const worker = new Worker(new URL(import.meta.url), {
      workerData,
      execArgv: ["--conditions=@interlock/source"],
    });
    const [port] = (await once(worker, "message")) as [number];
    return new DrainedThread(worker, gate, port);
  }

  announce(): Promise<unknown> {
    return this.#tell({ announce: true });
  }

  /** Begins a phase, or ends its time. */
  begin(what: Due): Promise<unknown> {
    return this.#tell({ begin: what });
  }

  /** Resolves when the thread does nothing any more. Once it goes on, it finds that something is due, before it reads anything. */
  halt(due: Due): Promise<unknown> {
    Atomics.store(this.#gate, 0, 0);
    return this.#tell({ halt: true, due });
  }

  goOn(): void {
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
  }

  #tell(told: Told): Promise<unknown> {
    this.#worker.postMessage(told);
    return once(this.#worker, "message");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goOn();
    await this.#worker.terminate();
  }
}

async function run({ certificate, gate, keepAliveMs }: Task): Promise<void> {
  const registry = new PodRegistry();
  const server: Server = certificate === undefined ? createServer() : createHttpsServer(certificate);
  server.on("request", (request, response) => {
    if (request.url === "/slow") setTimeout(() => response.end("slow"), 300);
    // One that does not care for what it is sent.
    else response.end("quick");
  });
  drainHttp(server, registry);
  if (keepAliveMs !== undefined) Object.assign(server, { keepAliveTimeout: keepAliveMs, keepAliveTimeoutBuffer: 0 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cuts = new Map<string, AbortController>();
  const begin = (phase: "announce" | "requests" | "close"): void => {
    const cut = new AbortController();
    cuts.set(phase, cut);
    void registry.run(phase, LONG_MS, cut.signal);
  };
  const comesDue = (due: Due): void => {
    if (due === "requests") cuts.get("requests")?.abort();
    if (due === "requests" || due === "close") begin("close");
  };
  parentPort?.on("message", (told: Told) => {
    if ("announce" in told) {
      begin("announce");
      begin("requests");
      return parentPort?.postMessage("done");
    }
    if ("begin" in told) {
      comesDue(told.begin);
      return parentPort?.postMessage("done");
    }
    const untilMs = performance.now() + Math.max(DUE_MS, keepAliveMs ?? 0) * 2;
    setTimeout(comesDue, DUE_MS, told.due);
    parentPort?.postMessage("halted");
    Atomics.wait(gate, 0, 0);
    while (performance.now() < untilMs);
  });
  parentPort?.postMessage((server.address() as AddressInfo).port);
}

if (!isMainThread && (workerData as Partial<Task> | null)?.gate !== undefined) await run(workerData as Task);
