/**
 * A small model of OTP's supervisors, written from the documentation of supervisor(3) and of "Supervisor Behaviour" in
 * OTP's design principles. It knows nothing of processes: it says who is started and stopped in which order, and what is
 * reported, when a child ends.
 */

export type Restart = "permanent" | "transient" | "temporary";
export type Shutdown = number | "infinity" | "brutal_kill";
export type Outcome = "ok" | "fail" | "ignore";
export type Reason = string | { readonly shutdown: string };

export interface WorkerNode {
  readonly kind: "worker";
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
  readonly shutdown: Shutdown;
  readonly manners: "meek" | "tidy" | "deaf";
}

interface Limits {
  readonly intensity: number;
  readonly periodMs: number;
}

export interface StaticNode extends Limits {
  readonly kind: "static";
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
  readonly strategy: "one_for_one" | "one_for_all" | "rest_for_one";
  readonly autoShutdown: "never" | "any_significant" | "all_significant";
  readonly children: readonly Node[];
}

export interface DynamicNode extends Limits {
  readonly kind: "dynamic";
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
  /** Of its children. */
  readonly childRestart: Restart;
  readonly shutdown: Shutdown;
}

export type Node = WorkerNode | StaticNode | DynamicNode;

/** What may come in any order. */
export class Together<T> {
  readonly items: readonly T[];
  constructor(items: readonly T[]) {
    this.items = items;
  }
}
/** What a supervisor says: context, child, reason. */
export type Said = readonly [context: string, child: string, reason: unknown];

class WorkerProcess {
  readonly node: WorkerNode;
  alive = true;
  reason: Reason | undefined = undefined;
  readonly parent: SupervisorProcess;

  constructor(node: WorkerNode, parent: SupervisorProcess) {
    this.node = node;
    this.parent = parent;
  }
}

export type { WorkerProcess };

type Process = WorkerProcess | SupervisorProcess;
type Event = { readonly exit: Process; readonly reason: Reason } | { readonly again: Row };

/** A line of a supervisor's table. */
class Row {
  readonly node: Node;
  process: Process | undefined = undefined;
  restarting = false;

  constructor(node: Node) {
    this.node = node;
  }

  get status(): string {
    return this.process !== undefined ? "running" : this.restarting ? "restarting" : "stopped";
  }
}

export class SupervisorProcess {
  readonly node: StaticNode | DynamicNode;
  readonly parent: SupervisorProcess | undefined;
  alive = true;
  /** In start order. */
  rows: Row[] = [];
  restarts: number[] = [];
  readonly inbox: Event[] = [];

  constructor(node: StaticNode | DynamicNode, parent: SupervisorProcess | undefined) {
    this.node = node;
    this.parent = parent;
  }

  /** Latest first. */
  get listed(): readonly string[] {
    return [...this.rows].reverse().map(({ node, status }) => `${node.id} ${status}`);
  }

  row(id: string): Row | undefined {
    return this.rows.find(({ node }) => node.id === id);
  }
}

const isNormal = (reason: Reason): boolean =>
  reason === "normal" || reason === "shutdown" || typeof reason === "object";

const shownReason = (reason: Reason): string =>
  typeof reason === "string" ? reason : `shutdown (${JSON.stringify(reason.shutdown)})`;

export class Model {
  nowMs = 0;
  root: SupervisorProcess | undefined = undefined;
  trace: (string | Together<string>)[] = [];
  said: (Said | Together<Said>)[] = [];
  readonly #outcomes = new Map<string, Outcome[]>();

  script(id: string, outcome: Outcome, times: number): void {
    const list = this.#outcomes.get(id) ?? [];
    for (let at = 0; at < times; at++) list.push(outcome);
    this.#outcomes.set(id, list);
  }

  /** @returns whether the tree has started. */
  startRoot(node: StaticNode): boolean {
    const started = this.#start(node, undefined);
    if (typeof started === "string") return false;
    this.root = started as SupervisorProcess;
    return true;
  }

  /** All running supervisors, parents first. */
  supervisors(): readonly SupervisorProcess[] {
    const all: SupervisorProcess[] = [];
    const visit = (supervisor: SupervisorProcess): void => {
      all.push(supervisor);
      for (const { process } of supervisor.rows) if (process instanceof SupervisorProcess) visit(process);
    };
    if (this.root?.alive === true) visit(this.root);
    return all;
  }

  workersOf(supervisor: SupervisorProcess): readonly WorkerProcess[] {
    return supervisor.rows.flatMap(({ process }) => (process instanceof WorkerProcess ? [process] : []));
  }

  // What happens to it ---------------------------------------------------------

  /** Siblings end, one right after the other. */
  end(ends: readonly { readonly worker: WorkerProcess; readonly reason: Reason }[]): void {
    for (const { worker, reason } of ends) {
      this.#die(worker, reason);
      worker.parent.inbox.push({ exit: worker, reason });
    }
    const supervisor = ends[0]?.worker.parent;
    if (supervisor !== undefined) this.#run(supervisor);
  }

  /** A supervisor is killed, and takes its workers with it. */
  kill(supervisor: SupervisorProcess): void {
    const exits = [`-${supervisor.node.id} killed`];
    for (const worker of this.workersOf(supervisor)) {
      worker.alive = false;
      exits.push(`-${worker.node.id} killed`);
    }
    supervisor.alive = false;
    this.trace.push(new Together(exits));
    const { parent } = supervisor;
    if (parent === undefined) return;
    parent.inbox.push({ exit: supervisor, reason: "killed" });
    this.#run(parent);
  }

  // What is asked of it: each answers "ok" or the problem ---------------------

  startChild(supervisor: SupervisorProcess, node: WorkerNode): string {
    const known = supervisor.node.kind === "static" ? supervisor.row(node.id) : undefined;
    if (known !== undefined) return known.process === undefined ? "already_present" : "already_started";
    const row = new Row(node);
    const started = this.#start(node, supervisor);
    if (started === "failed") return "failed";
    if (started !== "ignored") row.process = started;
    // Ignored: kept, unless it is temporary or a dynamic child.
    if (started !== "ignored" || (supervisor.node.kind === "static" && node.restart !== "temporary"))
      supervisor.rows.push(row);
    return started === "ignored" ? "ignored" : "ok";
  }

  terminateChild(supervisor: SupervisorProcess, id: string): string {
    const row = supervisor.row(id);
    if (row === undefined) return "not_found";
    this.#stopRow(supervisor, row);
    row.restarting = false;
    if (row.node.restart === "temporary" || supervisor.node.kind === "dynamic") this.#forget(supervisor, row);
    return "ok";
  }

  restartChild(supervisor: SupervisorProcess, id: string): string {
    const row = supervisor.row(id);
    if (row === undefined) return "not_found";
    if (row.process !== undefined) return "running";
    const started = this.#start(row.node, supervisor);
    if (typeof started === "string") return started;
    row.process = started;
    return "ok";
  }

  deleteChild(supervisor: SupervisorProcess, id: string): string {
    const row = supervisor.row(id);
    if (row === undefined) return "not_found";
    if (row.process !== undefined) return "running";
    this.#forget(supervisor, row);
    return "ok";
  }

  // The rules ------------------------------------------------------------------

  #run(supervisor: SupervisorProcess): void {
    for (let event = supervisor.inbox.shift(); event !== undefined; event = supervisor.inbox.shift()) {
      if ("again" in event) {
        if (event.again.restarting && supervisor.rows.includes(event.again)) this.#restart(supervisor, event.again);
      } else this.#exited(supervisor, event.exit, event.reason);
      if (supervisor.alive) continue;
      const { parent } = supervisor;
      if (parent !== undefined) {
        parent.inbox.push({ exit: supervisor, reason: "shutdown" });
        this.#run(parent);
      }
      return;
    }
  }

  #exited(supervisor: SupervisorProcess, process: Process, reason: Reason): void {
    const row = supervisor.rows.find((one) => one.process === process);
    if (row === undefined) return;
    row.process = undefined;
    const { restart, significant } = row.node;
    if (restart === "permanent" || !isNormal(reason)) this.#say("child_terminated", row.node.id, reason, supervisor);
    if (restart === "permanent" || (restart === "transient" && !isNormal(reason)))
      return this.#restart(supervisor, row);
    if (restart === "temporary" || supervisor.node.kind === "dynamic") this.#forget(supervisor, row);
    if (!significant || supervisor.node.kind === "dynamic") return;
    const { autoShutdown } = supervisor.node;
    const others = supervisor.rows.some((one) => one.node.significant && one.status !== "stopped");
    if (autoShutdown === "any_significant" || (autoShutdown === "all_significant" && !others)) this.#stop(supervisor);
  }

  #restart(supervisor: SupervisorProcess, failed: Row): void {
    const { intensity, periodMs } = supervisor.node;
    supervisor.restarts = [...supervisor.restarts.filter((at) => this.nowMs - at <= periodMs), this.nowMs];
    if (supervisor.restarts.length > intensity) {
      this.#say("shutdown", failed.node.id, "reached_max_restart_intensity", supervisor);
      failed.restarting = false;
      this.#stop(supervisor);
      return;
    }
    const { rows } = supervisor;
    const strategy = supervisor.node.kind === "dynamic" ? "one_for_one" : supervisor.node.strategy;
    const group =
      strategy === "one_for_one" ? [failed] : strategy === "one_for_all" ? rows : rows.slice(rows.indexOf(failed));
    for (const row of [...group].reverse()) {
      this.#stopRow(supervisor, row);
      row.restarting = false;
      if (row.node.restart === "temporary") this.#forget(supervisor, row);
    }
    for (const row of group) {
      if (!supervisor.rows.includes(row)) continue;
      const started = this.#start(row.node, supervisor);
      if (started === "failed") {
        this.#say("start_error", row.node.id, this.#lastFailure, supervisor);
        row.restarting = true;
        supervisor.inbox.push({ again: row });
        return;
      }
      if (started !== "ignored") row.process = started;
      else if (supervisor.node.kind === "dynamic") this.#forget(supervisor, row);
    }
  }

  #lastFailure: unknown;

  #start(node: Node, parent: SupervisorProcess | undefined): Process | "failed" | "ignored" {
    if (node.kind === "worker") {
      const outcome = this.#outcomes.get(node.id)?.shift() ?? "ok";
      if (outcome === "ignore") return "ignored";
      if (outcome === "fail") {
        this.#lastFailure = "no";
        this.trace.push(`!${node.id}`);
        return "failed";
      }
      this.trace.push(`+${node.id}`);
      return new WorkerProcess(node, parent as SupervisorProcess);
    }
    const supervisor = new SupervisorProcess(node, parent);
    if (node.kind === "dynamic") return supervisor;
    supervisor.rows = node.children.map((child) => new Row(child));
    for (const row of [...supervisor.rows]) {
      const started = this.#start(row.node, supervisor);
      if (started === "failed") {
        const reason = this.#lastFailure;
        this.#say("start_error", row.node.id, reason, supervisor);
        for (const one of [...supervisor.rows].reverse()) this.#stopRow(supervisor, one);
        this.#lastFailure = { shutdown: { failed_to_start_child: row.node.id, reason } };
        return "failed";
      }
      if (started !== "ignored") row.process = started;
      else if (row.node.restart === "temporary") this.#forget(supervisor, row);
    }
    return supervisor;
  }

  #forget(supervisor: SupervisorProcess, row: Row): void {
    supervisor.rows = supervisor.rows.filter((one) => one !== row);
  }

  #die(worker: WorkerProcess, reason: Reason): void {
    worker.alive = false;
    worker.reason = reason;
    this.trace.push(`-${worker.node.id} ${shownReason(reason)}`);
  }

  /** A supervisor ends its children, then itself. */
  #stop(supervisor: SupervisorProcess): void {
    if (supervisor.node.kind === "dynamic") this.#stopSideBySide(supervisor, supervisor.node.shutdown);
    else for (const row of [...supervisor.rows].reverse()) this.#stopRow(supervisor, row);
    supervisor.alive = false;
    this.trace.push(`-${supervisor.node.id} shutdown`);
  }

  #stopRow(supervisor: SupervisorProcess, row: Row): void {
    const { node, process } = row;
    row.process = undefined;
    if (process === undefined) return;
    if (process instanceof SupervisorProcess) {
      this.#stop(process);
      return;
    }
    if (process.alive) {
      const { shutdown } = process.node;
      const killed = shutdown === "brutal_kill" || process.node.manners === "deaf";
      if (killed && typeof shutdown === "number") this.nowMs += shutdown;
      this.#die(process, killed ? "killed" : "shutdown");
    }
    if (this.#isOdd(process)) this.#say("shutdown_error", node.id, process.reason, supervisor);
  }

  #stopSideBySide(supervisor: SupervisorProcess, shutdown: Shutdown): void {
    const atOnce: string[] = [];
    const late: string[] = [];
    const said: Said[] = [];
    for (const worker of this.workersOf(supervisor)) {
      if (worker.alive) {
        const killed = shutdown === "brutal_kill" || worker.node.manners === "deaf";
        worker.alive = false;
        worker.reason = killed ? "killed" : "shutdown";
        (killed && shutdown !== "brutal_kill" ? late : atOnce).push(`-${worker.node.id} ${worker.reason}`);
      }
      if (this.#isOdd(worker)) said.push(this.#saying("shutdown_error", worker.node.id, worker.reason, supervisor));
    }
    this.trace.push(new Together(atOnce), new Together(late));
    this.said.push(new Together(said));
    if (late.length > 0) this.nowMs += shutdown as number;
    supervisor.rows = [];
  }

  /** Whether an end is not the one that was ordered. */
  #isOdd({ node, reason = "noproc" }: WorkerProcess): boolean {
    if (reason === (node.shutdown === "brutal_kill" ? "killed" : "shutdown")) return false;
    return node.restart === "permanent" || !isNormal(reason);
  }

  #say(context: string, id: string, reason: unknown, supervisor: SupervisorProcess): void {
    this.said.push(this.#saying(context, id, reason, supervisor));
  }

  /** Dynamic children have no id of their own. */
  #saying(context: string, id: string, reason: unknown, { node }: SupervisorProcess): Said {
    return [context, node.kind === "dynamic" ? "worker" : id, reason];
  }
}
