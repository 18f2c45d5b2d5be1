/** A platform of operating-system processes on this machine: the shell around the plan. */
import type { Readable, Writable } from "node:stream";
import { type Listener, nodePorts, startEpmd } from "@interlock/cluster";
import { type NodeName, nodeRuntime, type Runtime } from "@interlock/core";
import { badOption, CliError } from "../errors.ts";
import { type ChildMessage, variables } from "./child-protocol.ts";
import { type ControlServer, startControlServer } from "./control-server.ts";
import { leaveLauncherFile } from "./launcher-file.ts";
import { forwardLines, prefixOf } from "./node-output.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";
import { ended, type NodeRecord, newRecord, pardoned, said, signalled, started, stateOf } from "./node-record.ts";
import { type Action, type Desired, defaultLimits, type Limits, plan, startDueMs } from "./plan.ts";
import type { LaunchedNode, NodeSpec, Platform, PlatformNode } from "./platform.ts";

export interface LocalPlatformOptions {
  /** The secret that the nodes share; default one that nobody else knows. */
  readonly cookie?: string;
  /** Where the name server of the nodes listens; default any port that is free. */
  readonly epmdPort?: number;
  readonly limits?: Partial<Limits>;
  /** Milliseconds that the main thread of a node may hang before the node is killed; 0 is for ever. Default 10 000. */
  readonly hangMs?: number;
  /** Where what the nodes print goes; default this program's own output. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly runtime?: Pick<Runtime, "clock" | "timers">;
}

const HOST = "127.0.0.1";
const DEFAULT_HANG_MS = 10_000;

/**
 * A platform whose nodes are processes of this machine. It hosts their name server and makes their cookie; what dies is
 * started again, after pauses that grow while it goes on dying; and when this program ends, however it ends, so do they.
 */
export async function localPlatform(options: LocalPlatformOptions = {}): Promise<LocalPlatform> {
  const epmd = await startEpmd(nodePorts, { host: HOST, port: options.epmdPort ?? 0 });
  const platform = new LocalPlatform(options, epmd);
  const control = await startControlServer(platform, secret()).catch(async (error: unknown) => {
    await epmd.close();
    throw error;
  });
  platform.control = control;
  return platform;
}

/** What is known of a node beside its record: its process, and what it said. */
interface Running {
  process: NodeProcess;
  url: string | undefined;
}

export class LocalPlatform implements Platform {
  control: ControlServer | undefined;
  readonly #limits: Limits;
  readonly #hangMs: number;
  readonly #runtime: Pick<Runtime, "clock" | "timers">;
  readonly #output: { readonly stdout: Writable; readonly stderr: Writable };
  readonly #epmd: Listener;
  readonly #cookie: string;
  readonly #watchers = new Set<(node: PlatformNode) => void>();
  readonly #records = new Map<string, NodeRecord>();
  readonly #running = new Map<string, Running>();
  readonly #howEnded = new Map<string, string>();
  /** Each node as its watchers know it. */
  readonly #shown = new Map<string, PlatformNode>();
  readonly #beside: AsyncDisposable[] = [];
  #ending = false;
  readonly #closed = Promise.withResolvers<void>();
  #desired: Desired = { nodes: new Map(), haste: 0 };
  #spec: NodeSpec | undefined;
  #closing = false;
  #wake: unknown;

  constructor(options: LocalPlatformOptions, epmd: Listener) {
    const { cookie = secret(), hangMs = DEFAULT_HANG_MS, limits, runtime = nodeRuntime } = options;
    const { stderr = process.stderr, stdout = process.stdout } = options;
    this.#hangMs = hangMs;
    this.#limits = { ...defaultLimits, ...limits };
    this.#runtime = runtime;
    this.#output = { stdout, stderr };
    this.#epmd = epmd;
    this.#cookie = cookie;
  }

  async start(spec: NodeSpec): Promise<void> {
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(spec.app))
      throw badOption("app", JSON.stringify(spec.app), "letters, digits and dashes");
    if (this.#spec !== undefined) throw badOption("start()", "a second program", "one program for each platform");
    checkCount(spec.nodes);
    this.#spec = spec;
    await this.#leaveFile(spec.app);
    await this.scale(spec.nodes);
  }

  nodes(): readonly PlatformNode[] {
    return [...this.#shown.values()].sort((a, b) => numberOf(a.id) - numberOf(b.id));
  }

  watch(changed: (node: PlatformNode) => void): () => void {
    const watcher = (node: PlatformNode): void => changed(node);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  guest(id: string): LaunchedNode {
    const { host, port } = this.#epmd.address;
    return { id, name: nameOf(id), cookie: this.#cookie, epmd: { host, port } };
  }

  async kill(id: string): Promise<void> {
    this.#known(id);
    this.#signal(id, "SIGKILL");
    this.#reconcile();
  }

  async stop(id: string): Promise<void> {
    this.#known(id);
    this.#want(id, "stopped");
  }

  async startAgain(id: string): Promise<void> {
    this.#records.set(id, pardoned(this.#known(id)));
    this.#want(id, "running");
  }

  async scale(nodes: number): Promise<void> {
    checkCount(nodes);
    if (this.#closing) return;
    const { app } = this.#spec ?? { app: "node" };
    const ids = Array.from({ length: nodes }, (_, at) => `${app}-${at + 1}`);
    this.#desired = { haste: 0, nodes: new Map(ids.map((id) => [id, this.#desired.nodes.get(id) ?? "running"])) };
    this.#reconcile();
  }

  /** What runs beside the nodes and is closed after them, while their name server is still there. */
  keep(beside: AsyncDisposable): void {
    this.#beside.push(beside);
  }

  close(): Promise<void> {
    const haste = !this.#closing ? 0 : this.#desired.haste === 0 ? 1 : 2;
    this.#closing = true;
    this.#desired = { nodes: new Map(), haste };
    this.#reconcile();
    return this.#closed.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #known(id: string): NodeRecord {
    const record = this.#records.get(id);
    if (record !== undefined && !this.#closing) return record;
    const known = [...this.#records.keys()];
    throw new CliError("INTERLOCK_NO_SUCH_NODE", `There is no node ${id}: there are ${known.join(", ") || "none"}`, {
      node: id,
      known,
    });
  }

  #want(id: string, want: "running" | "stopped"): void {
    this.#desired = { ...this.#desired, nodes: new Map(this.#desired.nodes).set(id, want) };
    this.#reconcile();
  }

  /** Does what the plan says until it says nothing more, tells the watchers, and sets the alarm. */
  #reconcile(): void {
    // First what has happened: what is done about it may hide it.
    this.#show();
    const { clock, timers } = this.#runtime;
    let wakeMs: number | undefined;
    for (let done = false; !done; ) {
      const { actions, ...rest } = plan(this.#desired, this.#records, clock.now(), this.#limits);
      for (const action of actions) this.#do(action);
      wakeMs = rest.wakeMs;
      done = actions.length === 0;
    }
    this.#show();
    if (this.#wake !== undefined) timers.clear(this.#wake);
    this.#wake =
      wakeMs === undefined ? undefined : timers.set(() => this.#reconcile(), Math.ceil(wakeMs - clock.now()));
    if (this.#closing && this.#records.size === 0 && !this.#ending) {
      this.#ending = true;
      void this.#end();
    }
  }

  #do(action: Action): void {
    if (action.type === "start") this.#start(action.id);
    else if (action.type === "signal") this.#signal(action.id, action.signal);
    else {
      this.#records.delete(action.id);
      this.#howEnded.delete(action.id);
    }
  }

  #start(id: string): void {
    const { entry, env = {} } = this.#spec as NodeSpec;
    this.#records.set(id, started(this.#records.get(id) ?? newRecord(id), this.#runtime.clock.now()));
    const running: Running = { url: undefined, process: undefined as never };
    this.#running.set(id, running);
    running.process = startNodeProcess({
      entry,
      env: { ...this.#colours(), ...(typeof env === "function" ? env(id) : env), ...this.#given(id) },
      graceMs: this.#limits.graceMs,
      hangMs: this.#hangMs,
      output: (stream, kind) => this.#forward(id, stream, this.#output[kind]),
      said: (message) => this.#said(id, running, message),
      ended: (how) => this.#ended(id, running, how),
    });
  }

  #given(id: string): Record<string, string> {
    const { address } = this.#epmd;
    const { control } = this;
    return {
      [variables.node]: nameOf(id),
      [variables.cookie]: this.#cookie,
      [variables.epmd]: `${address.host}:${address.port}`,
      ...(control && { [variables.platformUrl]: control.url, [variables.platformToken]: control.token }),
    };
  }

  /** A node writes to a pipe; its reader may be a terminal all the same. */
  #colours(): Record<string, string> {
    const isTerminal = (this.#output.stdout as NodeJS.WriteStream).isTTY === true;
    return isTerminal && process.env["NO_COLOR"] === undefined ? { FORCE_COLOR: "1" } : {};
  }

  #forward(id: string, from: Readable, to: Writable): void {
    forwardLines(from, to, prefixOf(id, numberOf(id), to));
  }

  #signal(id: string, signal: "SIGTERM" | "SIGKILL"): void {
    const record = this.#records.get(id);
    if (record?.life === undefined) return;
    this.#records.set(id, signalled(record, signal, this.#runtime.clock.now()));
    this.#running.get(id)?.process.signal(signal);
  }

  #said(id: string, running: Running, message: ChildMessage): void {
    const record = this.#records.get(id);
    if (record === undefined || this.#running.get(id) !== running) return;
    if (message.interlock === "ready") running.url = message.url;
    this.#records.set(id, said(record, message.interlock));
    this.#reconcile();
  }

  #ended(id: string, running: Running, how: string): void {
    const record = this.#records.get(id);
    if (record === undefined || this.#running.get(id) !== running) return;
    this.#running.delete(id);
    this.#howEnded.set(id, how);
    this.#records.set(id, ended(record, this.#limits.stableMs, this.#runtime.clock.now()));
    this.#reconcile();
  }

  #show(): void {
    for (const record of this.#records.values()) this.#showNode(record);
    for (const [id, node] of this.#shown) {
      if (this.#records.has(id)) continue;
      this.#shown.delete(id);
      this.#tell({ ...node, state: "stopped", pid: undefined, url: undefined, reason: undefined });
    }
  }

  #showNode(record: NodeRecord): void {
    const { id, restarts } = record;
    const running = this.#running.get(id);
    const state = stateOf(record, this.#desired.nodes.get(id) === "running");
    const before = this.#shown.get(id);
    const node: PlatformNode = {
      id,
      name: nameOf(id),
      state,
      reason: running === undefined ? this.#reasonOf(record) : undefined,
      pid: running?.process.pid,
      url: running?.url,
      restarts,
      since: before?.state === state ? before.since : this.#runtime.clock.wallTime(),
    };
    if (before !== undefined && isSame(before, node)) return;
    this.#shown.set(id, node);
    this.#tell(node);
  }

  #reasonOf(record: NodeRecord): string | undefined {
    const how = this.#howEnded.get(record.id);
    if (how === undefined || this.#desired.nodes.get(record.id) !== "running") return how;
    const pauseMs = startDueMs(record, this.#limits) - record.endedMs;
    return `${how}; starts again${pauseMs > 0 ? ` in ${Math.round(pauseMs / 100) / 10} s` : ""}`;
  }

  #tell(node: PlatformNode): void {
    for (const watcher of [...this.#watchers]) watcher(node);
  }

  /** For `interlock nodes`, `ps` and the like. */
  async #leaveFile(app: string): Promise<void> {
    const { control } = this;
    if (control === undefined) return;
    const { host, port } = this.#epmd.address;
    const facts = {
      app,
      pid: process.pid,
      cookie: this.#cookie,
      epmd: { host, port },
      url: control.url,
      token: control.token,
    };
    try {
      const takeAway = await leaveLauncherFile(facts);
      this.keep({ [Symbol.asyncDispose]: takeAway });
    } catch (error) {
      // The nodes do without it, and some places have no such folder.
      this.#output.stderr.write(`interlock ps and the like will not find these nodes: ${(error as Error).message}\n`);
    }
  }

  async #end(): Promise<void> {
    try {
      for (const beside of this.#beside) await beside[Symbol.asyncDispose]();
      await Promise.all([this.control?.close(), this.#epmd.close()]);
      this.#closed.resolve();
    } catch (error) {
      this.#closed.reject(error);
    }
  }
}

function nameOf(id: string): NodeName {
  return `${id}@${HOST}`;
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}

function isSame(a: PlatformNode, b: PlatformNode): boolean {
  return (
    a.state === b.state && a.pid === b.pid && a.url === b.url && a.restarts === b.restarts && a.reason === b.reason
  );
}

function checkCount(nodes: number): void {
  if (!Number.isInteger(nodes) || nodes < 0) throw badOption("nodes", String(nodes), "a whole number, 0 or more");
}

/** 128 bits that nobody can guess. */
function secret(): string {
  return Array.from({ length: 4 }, () => nodePorts.challenge().toString(16).padStart(8, "0")).join("");
}
