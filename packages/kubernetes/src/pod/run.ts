/**
 * The program of a pod, what `interlock run` is: owns the signals, serves the probes, drains, and ends with one of a few exit
 * codes. Works as PID 1.
 */
import { offerInspection } from "@interlock/cluster";
import {
  type AnyApplication,
  ensureAllStarted,
  isError,
  nodeRuntime,
  onNodeStop,
  stopAllApplications,
  whichApplications,
} from "@interlock/core";
import { type FollowedConfig, followConfig } from "../config/follow.ts";
import { podConfig } from "../config/pod-config.ts";
import { longestDrainMs } from "./drain/budgets.ts";
import { Drain } from "./drain/drain.ts";
import { type DrainPhase, podExitCodes } from "./drain/machine.ts";
import { type Management, openManagement } from "./management/management.ts";
import type { Answer, Question } from "./management/protocol.ts";
import { fitHeap, memoryLine } from "./memory.ts";
import { drainBudgets, type PodOptions } from "./options.ts";
import { readiness, startup, type Verdict } from "./probes/health.ts";
import { type LoopDelay, watchLoopDelay } from "./probes/loop-delay.ts";
import { areRootsAlive, CriticalChildren } from "./probes/tree.ts";
import { type ParticipantStatus, pod as registry } from "./registry.ts";
import { secretVersions } from "./secret-versions.ts";

export interface Pod {
  /** Where the probes are served. */
  readonly managementPort: number;
  readonly phase: DrainPhase;
  /** As if SIGTERM had come. */
  drain(): void;
}

const MANAGEMENT_PORT = 9_101;
const HANG_MS = 10_000;
const LATE_MS = 1_000;
const HEAP_PERCENT = 75;

/**
 * Runs an application as a pod's program: with its needs, permanently, until its pod is drained. Resolves when it has started.
 * It never rejects, the program ends instead, with an exit code of `podExitCodes`.
 */
export async function runPod(application: AnyApplication, options: PodOptions = {}): Promise<Pod> {
  const { hangMs = HANG_MS, heapPercent = HEAP_PERCENT, lateMs = LATE_MS } = options;
  const { name, version } = application;
  const print = options.print ?? ((line: string) => void process.stderr.write(`interlock: ${line}\n`));
  let running: RunningPod | undefined;
  try {
    // First: nothing of what follows would survive it.
    const heap = heapPercent === false ? undefined : fitHeap(heapPercent);
    running = new RunningPod(application, options, print);
    running.ownSignals();
    offerInspection();
    await running.open(hangMs, lateMs);
    print(`${name} ${version} · ${memoryLine(heap)} · 1 scheduler · node ${process.version} · pid ${process.pid}`);
    const longest = Math.round(longestDrainMs(running.budgets) / 1_000);
    print(`probes on port ${running.managementPort} · a drain takes at most ${longest} s`);
    await running.start();
    return running;
  } catch (error) {
    // Who drains has stopped the start, and ends in order.
    if (running !== undefined && running.phase !== "serving") return running;
    print(`${name} cannot start: ${describe(error)}`);
    nodeRuntime.program.halt(isUsage(error) ? podExitCodes.usage : podExitCodes.failed);
    throw error;
  }
}

class RunningPod implements Pod {
  readonly #application: AnyApplication;
  readonly #options: PodOptions;
  readonly #print: (line: string) => void;
  readonly #drain: Drain;
  readonly #critical: CriticalChildren;
  readonly #configs: FollowedConfig[] = [];
  readonly budgets: ReturnType<typeof drainBudgets>;
  #management: Management | undefined;
  #loop: () => LoopDelay = () => ({ latePeriods: 0, delayMs: 0 });
  #isStarted = false;

  constructor(application: AnyApplication, options: PodOptions, print: (line: string) => void) {
    this.#application = application;
    this.#options = options;
    this.#print = print;
    this.budgets = drainBudgets(options, process.env);
    this.#critical = new CriticalChildren(options.critical, nodeRuntime);
    this.#drain = new Drain({
      budgets: this.budgets,
      registry,
      runtime: nodeRuntime,
      stop: () => stopAllApplications(),
      exit: (code) => nodeRuntime.program.halt(code),
      entered: (phase) => this.#print(`drain: ${phase}`),
      ended: (participant) => this.#ended(participant),
    });
  }

  get managementPort(): number {
    return this.#management?.port ?? 0;
  }

  get phase(): DrainPhase {
    return this.#drain.phase;
  }

  drain(): void {
    this.#drain.signal(false);
  }

  /** As PID 1 a program has to: a signal that it does not handle does nothing there. */
  ownSignals(): void {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)
      process.on(signal, () => {
        this.#print(`${signal} while ${this.phase}`);
        this.#drain.signal(signal === "SIGQUIT");
      });
  }

  async open(hangMs: number, lateMs: number): Promise<void> {
    const { managementHost: host, managementPort: port = MANAGEMENT_PORT } = this.#options;
    const token = this.#options.token ?? process.env["INTERLOCK_DRAIN_TOKEN"];
    this.#management = await openManagement({
      port,
      host,
      token,
      hangMs,
      answer: (question) => this.#answer(question),
    });
    this.#loop = watchLoopDelay(lateMs);
  }

  async start(): Promise<void> {
    onNodeStop(({ application }) => {
      this.#print(`${application} has given up`);
      this.#management?.root("ended");
      this.#drain.gaveUp();
    });
    const { config = podConfig() } = this.#options;
    await ensureAllStarted([this.#application], { type: "permanent", config });
    // Those that it needs as well: they may read files of their own.
    for (const { name } of whichApplications()) this.#configs.push(followConfig(name, { print: this.#print }));
    this.#isStarted = true;
    this.#management?.root(areRootsAlive() ? "alive" : "ended");
  }

  /** At once: who has been given less time than it thinks says no more later. */
  #ended({ name, phase, said, state }: ParticipantStatus): void {
    if ((phase === "handoff" || phase === "requests") && (said !== undefined || state !== "done"))
      this.#print(`drain: ${phase} of ${name}: ${state}${said === undefined ? "" : ` ${JSON.stringify(said)}`}`);
  }

  async #answer(question: Question): Promise<Answer> {
    switch (question) {
      case "startup":
        return answerOf("started", startup({ isStarted: this.#isStarted }));
      case "ready":
        return answerOf("ready", await this.#readiness());
      case "prestop":
        await this.#drain.preStop();
        return { status: 200, body: { settled: true, phase: this.phase } };
      case "status":
        return { status: 200, body: await this.#status() };
    }
  }

  async #readiness(): Promise<Verdict> {
    const isStarted = this.#isStarted;
    const { isClosing } = this.#drain;
    // A tree that is being stopped is not worth asking.
    const critical = isStarted && !isClosing ? await this.#critical.read() : [];
    return readiness({ isStarted, critical, isClosing, problems: registry.problems, ...this.#loop() });
  }

  async #status(): Promise<unknown> {
    const { name, version } = this.#application;
    const { timeline } = this.#drain;
    const { ok: ready, reasons } = await this.#readiness();
    return {
      application: { name, version },
      phase: this.phase,
      ready,
      reasons,
      budgets: this.budgets,
      timeline,
      secrets: secretVersions(process.env),
      config: this.#configs.map(({ status }) => status),
      participants: registry.participants,
      ...registry.shown,
    };
  }
}

function answerOf(what: string, { ok, reasons }: Verdict): Answer {
  return { status: ok ? 200 : 503, body: { [what]: ok, reasons } };
}

function isUsage(error: unknown): boolean {
  return isError(error, "INTERLOCK_CONFIG_INVALID") || isError(error, "INTERLOCK_POD_ENVIRONMENT" as never);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { hint } = error as { readonly hint?: unknown };
  return typeof hint === "string" ? `${error.message}. ${hint}` : error.message;
}
