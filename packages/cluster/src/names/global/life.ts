/** The life of a global name server's process: what its machine wants done is done here, and what it hears is told to it. */
import { type Down, isAlive, type LocalNode, type Monitor, type NodeName, type Ref, type Self } from "@interlock/core";
import { exitFrom, LocalPid, type Process, RemotePid, spawnProcess } from "@interlock/core/distribution";
import { atom, Tuple } from "@interlock/wire";
import type { NetKernel } from "../../node/net-kernel.ts";
import { answer, GlobalCalls, SERVER } from "./calls.ts";
import { settle } from "./conflicts.ts";
import type { Conflict, Outcome } from "./events.ts";
import { GlobalMachine, type GlobalPorts } from "./machine.ts";
import { fromTerm, type GlobalMessage, toTerm } from "./messages.ts";
import type { GlobalEntry } from "./name-table.ts";
import { requestFrom } from "./requests.ts";
import { read } from "./terms.ts";

export interface GlobalOptions {
  /**
   * Whether a node that has lost its connection to another one is parted from by all who still reach both, so that no node
   * is in two partitions at once. Default true, as OTP's kernel parameter of that name; the same on all nodes.
   */
  readonly preventOverlappingPartitions?: boolean;
}

/** The network that names are shared in. */
export interface Joined {
  readonly kernel: NetKernel;
  readonly options: GlobalOptions;
}

export interface GlobalLifeOptions {
  readonly node: LocalNode;
  readonly self: Self<unknown>;
  /** Undefined: the names are this program's own. */
  readonly joined: Joined | undefined;
  /** What processes of this node have already. */
  readonly own: readonly GlobalEntry[];
  /** Runs `work` within the process, unless this life is over then. */
  readonly post: (life: GlobalLife, work: () => void) => void;
}

const GEN_CALL = atom("$gen_call");

export class GlobalLife {
  readonly machine: GlobalMachine;
  /** Who waits for an answer when this life is over. */
  readonly abandoned: Set<() => void> = new Set();
  readonly #node: LocalNode;
  readonly #self: Self<unknown>;
  readonly #pid: LocalPid;
  readonly #kernel: NetKernel | undefined;
  readonly #registrar: Process;
  readonly #calls = new GlobalCalls();
  readonly #monitors = new Map<LocalPid, Monitor>();
  readonly #watched = new Map<Ref, LocalPid>();
  readonly #post: (work: () => void) => void;
  #isOver = false;

  constructor({ joined, node, own, post, self }: GlobalLifeOptions) {
    this.#node = node;
    this.#self = self;
    this.#pid = self.pid as unknown as LocalPid;
    this.#kernel = joined?.kernel;
    this.#post = (work) => post(this, work);
    // It only holds locks, under a pid of its own: the locker's are others.
    this.#registrar = spawnProcess(node, registrar, this.#pid.process, true, undefined);
    this.machine = new GlobalMachine(this.#ports(joined));
    this.machine.handle({ type: "adopt", entries: own });
    for (const name of this.#kernel?.nodes("visible") ?? []) this.machine.handle({ type: "nodeup", node: name });
  }

  /** What processes of this node have. */
  get own(): readonly GlobalEntry[] {
    return [...this.machine.state.names.all].filter(({ pid }) => !(pid instanceof RemotePid) && isAlive(pid));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Those of a process that has ended have ended with it.
    if (this.#pid.process !== undefined) {
      for (const monitor of this.#monitors.values()) monitor.demonitor({ flush: true });
      exitFrom(this.#pid, this.#registrar, "kill");
    }
    for (const abandoned of this.abandoned) abandoned();
  }

  sync(done: (answer: unknown) => void): void {
    const nodes = this.machine.state.up;
    this.machine.handle({
      type: "request",
      request: { type: "sync", nodes },
      caller: { pid: this.#pid, tag: done },
    });
  }

  receive(message: unknown): void {
    if (message instanceof Tuple) return this.#take(message);
    if ((message as Partial<Down> | null)?.type !== "DOWN") return this.#warn("got a message of no kind that it knows");
    const { pid, ref } = message as Down;
    if (this.#calls.down(ref) || !this.#watched.delete(ref)) return;
    this.#monitors.delete(pid as unknown as LocalPid);
    this.machine.handle({ type: "ended", pid: pid as unknown as LocalPid });
  }

  #take(message: Tuple): void {
    if (this.#calls.answered(message)) return;
    try {
      const [first, from, request] = message.elements;
      if (first === GEN_CALL) return this.#asked(from, request);
      const said = fromTerm(message);
      const nowMs = this.#node.runtime.clock.now();
      if (said !== undefined) this.machine.handle({ type: "message", message: said, nowMs });
    } catch (error) {
      this.#warn("got a message that it cannot read", error);
    }
  }

  #asked(from: unknown, request: unknown): void {
    const [pid, tag] = from instanceof Tuple ? from.elements : [];
    if (!(pid instanceof LocalPid)) throw new TypeError("a request of nobody");
    this.machine.handle({ type: "request", request: requestFrom(request), caller: { pid, tag } });
  }

  #ports(joined: Joined | undefined): GlobalPorts {
    const { runtime } = this.#node;
    const extension = BigInt(Math.floor(runtime.random() * 2 ** 27)) << 32n;
    return {
      self: () => this.#node.name,
      serverPid: this.#pid,
      registrarPid: this.#registrar.pid,
      preventOverlappingPartitions: joined?.options.preventOverlappingPartitions ?? true,
      creation: read.integer(extension + BigInt(joined?.kernel.creation ?? 0)),
      random: () => runtime.random(),
      after: (delayMs, callback) => this.#node.after(delayMs, () => this.#post(callback)),
      tell: (to, message) => this.#tell(to, message),
      call: (node, request, from, answered) => {
        const ask = (): void => this.#calls.start(this.#self, node, request, from, answered);
        if (this.#kernel?.connectedRoute(node) !== undefined) return ask();
        // OTP's multi_call connects, and so it must: who is known and not connected yet would not be locked, and could be
        // about to change its names under another lock.
        if (!this.machine.state.known.includes(node)) return answered(undefined);
        this.#connect(node, (isConnected) => (isConnected ? ask() : answered(undefined)));
      },
      reply: (caller, value) => answer(caller, value),
      watch: (pid) => this.#watch(pid),
      unwatch: (pid) => this.#unwatch(pid),
      connect: (node, done) => this.#connect(node, done),
      disconnect: (node) => void this.#kernel?.disconnect(node),
      settle: (conflicts, done) => {
        void this.#settle(conflicts).then((outcomes) => this.#post(() => done(outcomes)));
      },
      warn: (text) => this.#warn(text),
    };
  }

  #connect(node: NodeName, done: (isConnected: boolean) => void): void {
    const connected = this.#kernel?.connect(node) ?? Promise.reject(new Error("there is no network"));
    connected.then(
      () => this.#post(() => done(true)),
      () => this.#post(() => done(false)),
    );
  }

  async #settle(conflicts: readonly Conflict[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const conflict of conflicts) {
      const failed = (error: unknown): void => this.#warn(`could not settle who is ${conflict.ours.name}`, error);
      outcomes.push(await settle(this.#node.name, conflict, failed));
    }
    return outcomes;
  }

  /** Never by a new connection: what is said belongs to the one that there is. */
  #tell(to: NodeName | LocalPid, message: GlobalMessage): void {
    const term = toTerm(message);
    try {
      if (typeof to === "string") this.#kernel?.connectedRoute(to)?.send(this.#pid, SERVER, term);
      // OTP's lockers hear directly only what is not for the server: without the envelope of a cast.
      else this.#kernel?.connectedRoute(to.node)?.send(this.#pid, to, term.elements[1]);
    } catch (error) {
      this.#warn(`could not tell ${to} of a ${message.type}`, error);
    }
  }

  #watch(pid: LocalPid): void {
    const monitor = this.#self.monitor(pid);
    this.#monitors.set(pid, monitor);
    this.#watched.set(monitor.ref, pid);
  }

  #unwatch(pid: LocalPid): void {
    const monitor = this.#monitors.get(pid);
    if (monitor === undefined) return;
    this.#monitors.delete(pid);
    this.#watched.delete(monitor.ref);
    monitor.demonitor({ flush: true });
  }

  #warn(text: string, details?: unknown): void {
    const at = this.#node.runtime.clock.wallTime();
    this.#node.report({ type: "warning", pid: this.#pid, label: "global names", text, details, at });
  }
}

async function registrar(self: Self<unknown>): Promise<void> {
  self.setLabel("global names: registrar");
  for (;;) await self.receive();
}
