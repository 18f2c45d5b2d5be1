/**
 * Nodes with global machines, links that carry messages in order and may be cut, timers and processes, all of it moved one
 * step at a time by a source of random numbers. Nothing here is from the implementation but the machine.
 */
import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { GroupName as Term } from "../../groups/group-name.ts";
import type { Outcome } from "./events.ts";
import { GlobalMachine, type GlobalPorts } from "./machine.ts";
import type { GlobalEntry } from "./name-table.ts";
import type { Registered, Registration } from "./registrar.ts";

/** What happens at a node, in the order in which it came there. */
type Happening = () => void;

/** One direction of a connection, as its receiver has it. */
interface Line {
  readonly queue: Happening[];
  /** Of the calls over it those without an answer, and the processes of the other side that are watched. */
  readonly open: Map<number, (value: unknown) => void>;
  readonly watched: Map<LocalPid, number>;
}

interface Site {
  readonly name: NodeName;
  readonly machine: GlobalMachine;
  readonly life: number;
  /** What it does of itself: answers of connections, ends of its own processes. */
  readonly own: Happening[];
  /** The connections it believes to have. */
  readonly lines: Map<NodeName, Line>;
  /** Its own processes that it watches. */
  readonly watched: Map<LocalPid, number>;
}

interface Alarm {
  readonly dueMs: number;
  readonly delayMs: number;
  readonly site: Site;
  readonly ring: Happening;
}

const LONGEST_WAY_MS = 10_000;

export interface WorldOptions {
  readonly names: readonly NodeName[];
  readonly preventOverlappingPartitions: boolean;
  readonly random: () => number;
}

export class World {
  readonly #options: WorldOptions;
  readonly #sites = new Map<NodeName, Site>();
  readonly #alive = new Set<LocalPid>();
  readonly #watchers = new Map<LocalPid, { readonly site: Site; readonly id: number }[]>();
  readonly #blocked = new Set<string>();
  readonly #alarms = new Set<Alarm>();
  readonly answers: { readonly registration: Registration; readonly result: Registered }[] = [];
  /** Orders without an answer at nodes that live. */
  waiting = 0;
  #nowMs = 0;
  #ids = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    for (const name of options.names) this.#sites.set(name, this.#start(name, 1));
  }

  get sites(): readonly Site[] {
    return [...this.#sites.values()];
  }

  at(name: NodeName): Site {
    return this.#sites.get(name) as Site;
  }

  isAlive(pid: LocalPid): boolean {
    return this.#alive.has(pid);
  }

  // Processes

  spawn(node: NodeName): LocalPid {
    const pid = this.#pid(node, this.at(node).life);
    this.#alive.add(pid);
    return pid;
  }

  #pid(name: NodeName, life: number): LocalPid {
    const index = 1 + this.#options.names.indexOf(name) + 10 * life;
    return new RemotePid({ name, index, route: undefined }, ++this.#ids, 0);
  }

  kill(pid: LocalPid): void {
    if (!this.#alive.delete(pid)) return;
    const watchers = this.#watchers.get(pid) ?? [];
    this.#watchers.delete(pid);
    for (const { id, site } of watchers) {
      if (site.name === pid.node) site.own.push(() => this.#down(site, site.watched, pid, id));
      else this.#send(this.at(pid.node), site.name, (there, line) => this.#down(there, line.watched, pid, id));
    }
  }

  #down(site: Site, watched: Map<LocalPid, number>, pid: LocalPid, id: number): void {
    if (watched.get(pid) !== id) return;
    watched.delete(pid);
    site.machine.handle({ type: "ended", pid });
  }

  // Nodes

  #start(name: NodeName, life: number): Site {
    const pids = [this.#pid(name, life), this.#pid(name, life)] as const;
    for (const pid of pids) this.#alive.add(pid);
    const site = { name, life, own: [], lines: new Map(), watched: new Map() };
    return Object.assign(site, { machine: new GlobalMachine(this.#ports(site as never, pids)) });
  }

  /** The node ends and is started again: nothing of it is left. */
  restart(name: NodeName): void {
    const before = this.at(name);
    for (const other of [...before.lines.keys()]) this.cut(name, other);
    // The others notice in their own time; this one has no time any more.
    for (const pid of [...this.#alive]) if (pid.node === name) this.#alive.delete(pid);
    for (const alarm of this.#alarms) if (alarm.site === before) this.#alarms.delete(alarm);
    this.waiting -= this.#ordersOf.get(before) ?? 0;
    this.#sites.set(name, this.#start(name, before.life + 1));
  }

  readonly #ordersOf = new Map<Site, number>();

  register(node: NodeName, type: "register" | "re_register", name: Term): LocalPid {
    const pid = this.spawn(node);
    const entry: GlobalEntry = { name, pid, method: atom("random_exit"), via: undefined };
    this.#order(node, { type, entry });
    return pid;
  }

  unregister(node: NodeName, name: Term): void {
    this.#order(node, { type: "unregister", name });
  }

  #order(node: NodeName, registration: Registration): void {
    const site = this.at(node);
    const count = (by: number): void => {
      this.waiting += by;
      this.#ordersOf.set(site, (this.#ordersOf.get(site) ?? 0) + by);
    };
    count(1);
    const done = (result: Registered): void => {
      count(-1);
      this.answers.push({ registration, result });
    };
    site.own.push(() => site.machine.register({ registration, done }));
  }

  // Links

  block(one: NodeName, other: NodeName): void {
    this.#blocked.add(pairOf(one, other));
    this.cut(one, other);
  }

  unblock(one: NodeName, other: NodeName): void {
    this.#blocked.delete(pairOf(one, other));
  }

  isConnected(one: NodeName, other: NodeName): boolean {
    return this.at(one).lines.has(other) && this.at(other).lines.has(one);
  }

  /** @returns whether there is a connection now. A new one needs both to have noticed the end of the last. */
  connect(one: NodeName, other: NodeName): boolean {
    const [here, there] = [this.at(one), this.at(other)];
    if (this.isConnected(one, other)) return !this.#isCut(here, other);
    if (this.#blocked.has(pairOf(one, other)) || here.lines.has(other) || there.lines.has(one)) return false;
    for (const [site, peer] of [
      [here, other],
      [there, one],
    ] as const) {
      // Before anything else that comes by it.
      const up = (): void => site.machine.handle({ type: "nodeup", node: peer });
      site.lines.set(peer, { queue: [up], open: new Map(), watched: new Map() });
    }
    return true;
  }

  readonly #cuts = new Set<Line>();

  #isCut(site: Site, peer: NodeName): boolean {
    const line = site.lines.get(peer);
    return line === undefined || this.#cuts.has(line);
  }

  /** The connection breaks: some of what is under way is lost, and each side notices when it has read the rest. */
  cut(one: NodeName, other: NodeName): void {
    for (const [name, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      const site = this.at(name);
      const line = site.lines.get(peer);
      if (line === undefined || this.#cuts.has(line)) continue;
      this.#cuts.add(line);
      line.queue.length = Math.floor(this.#options.random() * (line.queue.length + 1));
      line.queue.push(() => this.#closed(site, peer, line));
    }
  }

  #closed(site: Site, peer: NodeName, line: Line): void {
    site.lines.delete(peer);
    const ended = [...line.watched.keys()];
    line.watched.clear();
    for (const answered of line.open.values()) answered(undefined);
    for (const pid of ended) site.machine.handle({ type: "ended", pid });
    site.machine.handle({ type: "nodedown", node: peer });
  }

  /** Reaches `to`, behind all that was sent there before, unless the connection breaks. */
  #send(from: Site, to: NodeName, arrive: (there: Site, line: Line) => void): boolean {
    const there = this.at(to);
    const line = there.lines.get(from.name);
    if (line === undefined || !from.lines.has(to) || this.#isCut(from, to)) return false;
    line.queue.push(() => arrive(there, line));
    return true;
  }

  #ports(site: Site, [serverPid, registrarPid]: readonly [LocalPid, LocalPid]): GlobalPorts {
    const { preventOverlappingPartitions, random } = this.#options;
    return {
      self: () => site.name,
      serverPid,
      registrarPid,
      preventOverlappingPartitions,
      creation: site.life,
      random,
      after: (delayMs, ring) => {
        const alarm = { dueMs: this.#nowMs + delayMs, delayMs, site, ring };
        this.#alarms.add(alarm);
        return { cancel: () => (this.#alarms.delete(alarm) ? 0 : undefined) };
      },
      tell: (to, message) => {
        const node = typeof to === "string" ? to : to.node;
        this.#send(site, node, ({ machine }) => machine.handle({ type: "message", message, nowMs: this.#nowMs }));
      },
      call: (node, request, pid, answered) => {
        const line = site.lines.get(node);
        const id = ++this.#ids;
        const tag = { node: site.name, id };
        line?.open.set(id, answered);
        const isSent = this.#send(site, node, ({ machine }) =>
          machine.handle({ type: "request", request, caller: { pid, tag } }),
        );
        // A connection that has broken already will be noticed to have; without one nothing comes.
        if (!isSent && line === undefined) answered(undefined);
      },
      reply: (caller, value) => {
        const { id, node } = caller.tag as { readonly id: number; readonly node: NodeName };
        this.#send(site, node, (_there, line) => {
          const answered = line.open.get(id);
          line.open.delete(id);
          answered?.(value);
        });
      },
      watch: (pid) => this.#watch(site, pid),
      unwatch: (pid) => {
        site.watched.delete(pid);
        site.lines.get(pid.node)?.watched.delete(pid);
      },
      // At once, as a monitor's: the two must not find different worlds.
      connect: (node, done) => {
        const isConnected = this.connect(site.name, node);
        site.own.push(() => done(isConnected));
      },
      disconnect: (node) => this.cut(site.name, node),
      settle: (conflicts, done) => {
        const outcomes = conflicts.map(({ ours, theirs }): Outcome => {
          const reaches = ours.pid.node === site.name || !this.#isCut(site, ours.pid.node);
          if (!reaches) return "unknown";
          const keepsOurs = ours.pid.node < theirs.pid.node;
          this.kill(keepsOurs ? theirs.pid : ours.pid);
          return keepsOurs ? "ours" : "theirs";
        });
        site.own.push(() => done(outcomes));
      },
      warn: () => undefined,
    };
  }

  #watch(site: Site, pid: LocalPid): void {
    const id = ++this.#ids;
    const here = pid.node === site.name;
    // As Erlang's monitors do.
    if (!here && !site.lines.has(pid.node)) this.connect(site.name, pid.node);
    const line = site.lines.get(pid.node);
    if (!here && line === undefined) {
      site.own.push(() => site.machine.handle({ type: "ended", pid }));
      return;
    }
    (here ? site.watched : (line as Line).watched).set(pid, id);
    const monitor = (): void => {
      this.#watchers.set(pid, [...(this.#watchers.get(pid) ?? []), { site, id }]);
      if (this.#alive.has(pid)) return;
      this.#alive.add(pid);
      this.kill(pid); // Noproc: as an end now.
    };
    if (here) monitor();
    else this.#send(site, pid.node, monitor);
  }

  // Time

  /** Something happens somewhere. False: nothing is left to happen. */
  step(): boolean {
    const queues = this.sites.flatMap((site) => [site.own, ...[...site.lines.values()].map(({ queue }) => queue)]);
    const ready = queues.filter(({ length }) => length > 0);
    // A message takes less than what the machine gives one that is lost.
    const next = [...this.#alarms]
      .filter(({ delayMs }) => ready.length === 0 || delayMs < LONGEST_WAY_MS)
      .sort((one, other) => one.dueMs - other.dueMs)[0];
    const choices = ready.length + (next === undefined ? 0 : ready.length === 0 ? 1 : 0.1);
    if (choices === 0) return false;
    const queue = ready[Math.floor(this.#options.random() * choices)];
    if (queue !== undefined) queue.shift()?.();
    else if (next !== undefined) {
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.ring();
    }
    return true;
  }

  /** Until nothing is left to happen. @returns false when that takes more than so many steps. */
  settle(steps: number): boolean {
    for (let step = 0; step < steps; step++) if (!this.step()) return true;
    return false;
  }

  /** All links are whole again, and every two nodes connected. @returns whether that came about. */
  heal(): boolean {
    this.#blocked.clear();
    const { names } = this.#options;
    for (let round = 0; round < 30; round++) {
      for (const one of names) for (const other of names) if (one < other) this.connect(one, other);
      if (!this.settle(100_000)) return false;
      if (names.every((one) => names.every((other) => one === other || this.isConnected(one, other)))) return true;
    }
    return false;
  }
}

function pairOf(one: NodeName, other: NodeName): string {
  return [one, other].sort().join();
}

/** Names as this fixture's users write them. */
export function term(name: string): Term {
  return new Term(name);
}
