/**
 * Hosts of one placement in a world of their own: nodes that start, leave, die and are cut off from each other, connections
 * that keep the order of what they carry, processes that take a message at a time. Every step is chosen from outside.
 *
 * A host is `a/2`, the second life of node a; a process `a/2:7`.
 */
import type { NodeName } from "@interlock/core";
import type { PlacementEffect } from "./effects.ts";
import type { PlacementMessage } from "./messages.ts";
import { PlacementState } from "./state.ts";

type Effect = PlacementEffect<string>;

/** The `number`-th message of `sender` to its key. */
export interface Sent {
  readonly sender: string;
  readonly key: string;
  readonly number: number;
}

type Packet =
  | { readonly type: "host"; readonly to: string; readonly from: string; readonly message: PlacementMessage<string> }
  | { readonly type: "greeting"; readonly from: string; readonly message: PlacementMessage<string> }
  | { readonly type: "user"; readonly to: string; readonly sent: Sent }
  | { readonly type: "end"; readonly node: string };

type Input =
  | { readonly type: "told"; readonly from: string; readonly message: PlacementMessage<string> }
  | { readonly type: "met"; readonly node: string }
  | { readonly type: "metAll" }
  | { readonly type: "lost"; readonly node: string };

/** What a host was to do and has not done yet. */
type Task = Extract<Effect, { readonly type: "start" | "begin" | "pack" | "strand" | "stop" | "limit" | "retire" }>;

interface Process {
  readonly pid: string;
  readonly key: string;
  /** What it has handled, and what those before it had. */
  readonly handled: Sent[];
  readonly mailbox: Sent[];
  packed: boolean;
  movedTo: string | undefined;
}

interface Site {
  readonly node: string;
  readonly host: string;
  readonly state: PlacementState<string>;
  readonly inputs: Input[];
  readonly tasks: Task[];
  readonly processes: Map<string, Process>;
  readonly gates: Map<string, Sent[]>;
  readonly watched: Set<string>;
  readonly numbers: Map<string, number>;
  leaving: boolean;
  drained: boolean;
}

export interface WorldOptions {
  readonly rebalances?: boolean;
  readonly endsAll?: boolean;
  readonly eager?: boolean;
}

export class World {
  readonly sites = new Map<string, Site>();
  /** Every message that some process has handled, in the order in which that happened. */
  readonly handled: Sent[] = [];
  readonly #links = new Map<string, Packet[]>();
  readonly #lives = new Map<string, number>();
  readonly #options: WorldOptions;
  /** Connections and hosts that stand still: `a b`, `a`. */
  readonly #slow = new Set<string>();
  #pids = 0;
  lostKeys = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  // Nodes

  start(node: string): void {
    // Its last life has ended for all others.
    const known = [...this.#links.keys()].some((link) => link.split(" ").includes(node));
    if (this.sites.has(node) || known) return;
    const life = (this.#lives.get(node) ?? 0) + 1;
    this.#lives.set(node, life);
    const host = `${node}/${life}`;
    const info = { node: node as NodeName, hosts: true, leaving: false, ready: false, version: node < "c" ? "1" : "2" };
    const { eager = false, endsAll = false, rebalances = false } = this.#options;
    const rules = { placement: "p", concurrency: 2, priority: () => 0, endsAll, rebalances, eager, afresh: [] };
    const site: Site = {
      node,
      host,
      state: new PlacementState(host, info, rules),
      inputs: [],
      tasks: [],
      processes: new Map(),
      gates: new Map(),
      watched: new Set(),
      numbers: new Map(),
      leaving: false,
      drained: false,
    };
    for (const other of this.sites.keys()) this.#connect(node, other);
    this.sites.set(node, site);
    for (const other of this.sites.values()) if (other !== site) this.#meet(site, other);
    site.inputs.push({ type: "metAll" });
  }

  #connect(one: string, other: string): void {
    this.#links.set(`${one} ${other}`, []);
    this.#links.set(`${other} ${one}`, []);
  }

  #meet(one: Site, other: Site): void {
    one.inputs.push({ type: "met", node: other.node });
    other.inputs.push({ type: "met", node: one.node });
  }

  /** Whether what `from` sends reaches `to`. */
  #link(from: string, to: string): Packet[] | undefined {
    const link = this.#links.get(`${from} ${to}`);
    return link?.at(-1)?.type === "end" ? undefined : link;
  }

  /** `kept` of what is on its way to others arrives still. */
  crash(node: string, kept: number): void {
    if (!this.sites.delete(node)) return;
    for (const other of this.sites.keys()) {
      this.#end(node, other, kept);
      this.#links.delete(`${other} ${node}`);
    }
  }

  leave(node: string): void {
    const site = this.sites.get(node);
    if (site === undefined || site.leaving) return;
    site.leaving = true;
    this.#act(site, site.state.leave());
  }

  /** A node that holds nothing any more and waits for nothing stops. */
  depart(node: string): boolean {
    const site = this.sites.get(node);
    if (site?.drained !== true || site.gates.size > 0 || site.inputs.length > 0) return false;
    for (const other of this.sites.keys())
      if (this.#links.get(`${other} ${node}`)?.some(({ type }) => type === "user")) return false;
    this.crash(node, Number.POSITIVE_INFINITY);
    return true;
  }

  cut(one: string, other: string, kept: number): void {
    if (this.#link(one, other) === undefined || this.#link(other, one) === undefined) return;
    this.#end(one, other, kept);
    this.#end(other, one, kept);
  }

  #end(from: string, to: string, kept: number): void {
    const link = this.#link(from, to);
    if (link === undefined) return;
    link.splice(Math.min(kept, link.length));
    link.push({ type: "end", node: from });
  }

  /** Only when both have heard of the cut. */
  heal(one: string, other: string): void {
    const [a, b] = [this.sites.get(one), this.sites.get(other)];
    if (
      a === undefined ||
      b === undefined ||
      a === b ||
      this.#links.has(`${one} ${other}`) ||
      this.#links.has(`${other} ${one}`)
    )
      return;
    this.#connect(one, other);
    this.#meet(a, b);
  }

  deadline(node: string): void {
    const site = this.sites.get(node);
    if (site?.leaving === true) this.#act(site, site.state.deadline());
  }

  // Users

  send(node: string, key: string): void {
    const site = this.sites.get(node);
    if (site === undefined) return;
    const number = (site.numbers.get(key) ?? 0) + 1;
    site.numbers.set(key, number);
    this.#dispatch(site, { sender: site.host, key, number });
  }

  #dispatch(site: Site, sent: Sent): void {
    const pid = site.state.pidOf(sent.key);
    if (pid !== undefined) return this.#deliver(site, pid, sent);
    const gate = site.gates.get(sent.key) ?? [];
    site.gates.set(sent.key, gate);
    gate.push(sent);
    this.#act(site, site.state.wants(sent.key));
  }

  #deliver(site: Site, pid: string, sent: Sent): void {
    const to = pid.slice(0, pid.indexOf("/"));
    if (to !== site.node) return void this.#link(site.node, to)?.push({ type: "user", to: pid, sent });
    const process = site.processes.get(pid);
    if (process?.movedTo !== undefined) this.#deliver(site, process.movedTo, sent);
    else process?.mailbox.push(sent);
  }

  /** A process ends by itself. */
  end(pick: number, again: boolean): void {
    const running = this.#processes(({ movedTo }) => movedTo === undefined);
    if (running.length === 0) return;
    const [site, process] = running[pick % running.length] as [Site, Process];
    this.#kill(site, process, again);
  }

  #kill(site: Site, process: Process, again: boolean): void {
    site.processes.delete(process.pid);
    const entry = site.state.entry(process.key);
    if (entry?.pid === process.pid && site.state.holds(process.key))
      this.#act(site, site.state.ended(process.key, entry.epoch, "ended", again));
    else this.#act(site, site.state.begunEnded(process.key, process.pid));
  }

  #processes(which: (process: Process) => boolean): [Site, Process][] {
    return [...this.sites.values()].flatMap((site) =>
      [...site.processes.values()].filter(which).map((process): [Site, Process] => [site, process]),
    );
  }

  // Steps

  /** One of those things that can happen next; false when nothing can. `fails`: what may fail does. */
  step(pick: number, fails = false): boolean {
    const steps: (() => void)[] = [];
    for (const [name, link] of this.#links)
      if (link.length > 0 && !this.#slow.has(name)) steps.push(() => this.#arrive(name, link));
    for (const site of this.sites.values()) {
      if (site.inputs.length > 0 && !this.#slow.has(site.node)) steps.push(() => this.#handle(site));
      for (const task of site.tasks)
        if (task.type !== "limit" || fails) steps.push(() => this.#perform(site, task, fails));
    }
    for (const [site, process] of this.#processes(
      (one) => !one.packed && one.movedTo === undefined && one.mailbox.length > 0,
    ))
      steps.push(() => this.#work(site, process));
    steps[pick % steps.length]?.();
    return steps.length > 0;
  }

  remind(): void {
    for (const site of this.sites.values()) this.#act(site, site.state.remind());
  }

  /** What is on its way from one to the other stands still, or goes on; of one and the same, what the host has to handle. */
  stall(one: string, other: string): void {
    const name = one === other ? one : `${one} ${other}`;
    if (!this.#slow.delete(name)) this.#slow.add(name);
  }

  settle(): void {
    this.#slow.clear();
    for (let steps = 0; this.step(steps * 7_919); steps++) if (steps > 100_000) throw new Error("it never settles");
  }

  #arrive(name: string, link: Packet[]): void {
    const [, to = ""] = name.split(" ");
    const site = this.sites.get(to);
    const packet = link.shift() as Packet;
    if (packet.type === "end") {
      this.#links.delete(name);
      if (site?.watched.delete(packet.node) === true) site.inputs.push({ type: "lost", node: packet.node });
    } else if (packet.type === "user") {
      if (site !== undefined) this.#deliver(site, packet.to, packet.sent);
    } else if (packet.type === "greeting" || packet.to === site?.host)
      site?.inputs.push({ type: "told", from: packet.from, message: packet.message });
  }

  #handle(site: Site): void {
    const input = site.inputs.shift() as Input;
    const { state } = site;
    if (input.type === "told") this.#act(site, state.received(input.from, input.message));
    else if (input.type === "met") this.#act(site, state.met(input.node as NodeName));
    else if (input.type === "lost") this.#act(site, state.lost(input.node as NodeName));
    else this.#act(site, state.metAll());
  }

  #work(_site: Site, process: Process): void {
    const sent = process.mailbox.shift() as Sent;
    process.handled.push(sent);
    this.handled.push(sent);
  }

  #spawn(site: Site, key: string, handled: readonly Sent[]): string {
    const pid = `${site.host}:${++this.#pids}`;
    site.processes.set(pid, { pid, key, handled: [...handled], mailbox: [], packed: false, movedTo: undefined });
    return pid;
  }

  #perform(site: Site, task: Task, fails: boolean): void {
    site.tasks.splice(site.tasks.indexOf(task), 1);
    const { state } = site;
    const process = site.processes.get(state.entry(task.key)?.pid ?? "");
    switch (task.type) {
      case "start":
        if (fails) this.#act(site, state.startFailed(task.key, task.epoch, "no"));
        else this.#act(site, state.started(task.key, task.epoch, this.#spawn(site, task.key, [])));
        break;
      case "begin": {
        const { attempt, epoch, key, parcel } = task;
        if (fails) this.#act(site, state.beginFailed(key, epoch, attempt, "no"));
        else this.#act(site, state.begun(key, epoch, attempt, this.#spawn(site, key, parcel as Sent[])));
        break;
      }
      case "pack":
        if (process === undefined) break;
        process.packed = true;
        this.#act(site, state.packed(task.key, task.epoch, [...process.handled]));
        break;
      case "limit":
        this.#act(site, state.late(task.key, task.attempt));
        break;
      case "retire": {
        const own = site.processes.get(task.own);
        site.processes.delete(task.own);
        for (const sent of own?.mailbox ?? []) if (task.pid !== undefined) this.#deliver(site, task.pid, sent);
        break;
      }
      default:
        if (process !== undefined) this.#kill(site, process, false);
    }
  }

  #act(site: Site, effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(site, effect);
  }

  #do(site: Site, effect: Effect): void {
    switch (effect.type) {
      case "tell":
        for (const to of effect.to)
          this.#link(site.node, to.slice(0, to.indexOf("/")))?.push({
            type: "host",
            to,
            from: site.host,
            message: effect.message,
          });
        break;
      case "greet":
        this.#watch(site, effect.node);
        this.#link(site.node, effect.node)?.push({ type: "greeting", from: site.host, message: effect.message });
        break;
      case "watch":
        this.#watch(site, effect.node);
        break;
      case "open": {
        const gate = site.gates.get(effect.key);
        site.gates.delete(effect.key);
        for (const sent of gate ?? []) this.#deliver(site, effect.pid, sent);
        break;
      }
      case "fail":
        site.gates.delete(effect.key);
        break;
      case "unpack": {
        const process = site.processes.get(site.state.entry(effect.key)?.pid ?? "");
        if (process !== undefined) process.packed = false;
        break;
      }
      case "forward": {
        const process = site.processes.get(site.state.entry(effect.key)?.pid ?? "");
        if (process === undefined) break;
        process.movedTo = effect.pid;
        for (const sent of process.mailbox.splice(0)) this.#deliver(site, effect.pid, sent);
        break;
      }
      case "discard":
        site.processes.delete(effect.pid);
        break;
      case "settled":
        if (effect.lost) this.lostKeys++;
        break;
      case "drained":
        site.drained = true;
        break;
      case "broken":
      case "adopted":
        break;
      default:
        site.tasks.push(effect);
    }
  }

  /** A monitor that meets no connection fires at once. */
  #watch(site: Site, node: string): void {
    if (site.watched.has(node)) return;
    if (this.#link(site.node, node) !== undefined && this.#links.has(`${node} ${site.node}`)) site.watched.add(node);
    else site.inputs.push({ type: "lost", node });
  }

  // What is to be seen

  /** The processes that names of some node lead to on that node itself. */
  holders(key: string): readonly string[] {
    return [...this.sites.values()].flatMap(({ state }) => {
      const pid = state.holds(key) ? state.pidOf(key) : undefined;
      return pid === undefined ? [] : [pid];
    });
  }

  connected(): boolean {
    const nodes = [...this.sites.keys()];
    return nodes.every((one) => nodes.every((other) => one === other || this.#link(one, other) !== undefined));
  }
}
