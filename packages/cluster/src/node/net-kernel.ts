/**
 * The connections of one node: dialing, accepting, which of two simultaneous ones stays, and who is told of a node that
 * came or went. OTP's net_kernel.
 */
import type { AnyGenServer, LocalNode, NodeName } from "@interlock/core";
import type { LocalPid, Network, Process } from "@interlock/core/distribution";
import {
  type Atom,
  atom,
  Connection,
  type ControlMessage,
  type Established,
  type HandshakeProblem,
  HIDDEN_NODE_FLAGS,
  type Payload,
  VISIBLE_NODE_FLAGS,
  WireError,
} from "@interlock/wire";
import { ClusterError } from "../errors.ts";
import type { Address, CredentialsSource, Ports, Socket, SocketEvents } from "../ports.ts";
import { type OfferedModule, offeredModule } from "../rpc/remote-functions.ts";
import { modulesOf, NODE_MODULE, startHere } from "../rpc/remote-node.ts";
import { takesTerms, watchersOf } from "./attached.ts";
import type { Cookies } from "./cookie.ts";
import { ClosedEarly, shakeHands } from "./handshake-session.ts";
import { NodeIdentities } from "./identities.ts";
import { type Receiver, receive } from "./incoming.ts";
import { hostOf, isNodeName } from "./node-name.ts";
import { NodeLife, Peer } from "./peer.ts";
import { type SpawnRequest, spawnRequested } from "./remote-spawn.ts";
import { SocketLink } from "./socket-link.ts";
import { WeakTable } from "./weak-table.ts";

export interface NetKernelOptions {
  readonly local: LocalNode;
  readonly name: NodeName;
  readonly creation: number;
  readonly cookies: Cookies;
  /** What other nodes may start here. */
  readonly modules: readonly AnyGenServer[];
  readonly visible: boolean;
  readonly ports: Ports;
  readonly credentials: CredentialsSource | undefined;
  /** Where a node listens. Rejects when that cannot be told, or nobody has the name. */
  readonly lookup: (name: NodeName, signal: AbortSignal) => Promise<Address>;
  readonly tickMs: number;
  readonly handshakeMs: number;
  readonly busyBytes: number;
  readonly mostBytes: number;
}

export interface NodeEvent {
  readonly type: "nodeup" | "nodedown";
  readonly node: NodeName;
  readonly visible: boolean;
  /**
   * Of a nodedown, why: `connection_closed`, `net_tick_timeout`, `disconnect` or `net_kernel_terminated`, as OTP's
   * `net_kernel:monitor_nodes/2` has it, or words on what went wrong.
   */
  readonly reason?: string;
}

type Shaken = Established & { readonly socket: Socket; readonly hand: (to: SocketEvents) => void };

interface Up {
  readonly peer: Peer;
  readonly link: SocketLink;
  readonly visible: boolean;
  readonly creation: number;
}

/**
 * The system of a node has answered that nobody listens at the node's own address: its process has ended. Where whoever looks the
 * address up is refused, as by a name server that is gone, that says nothing of the node.
 */
export class NobodyListens extends Error {}

export class NetKernel implements Network, Receiver {
  readonly name: Atom;
  readonly creation: number;
  readonly identities: NodeIdentities;
  readonly #options: NetKernelOptions;
  /** Connections that are wanted, and those that are there. */
  readonly #dialing = new Map<NodeName, Peer>();
  /** Our own dials of them, to be called off; a node that is wanted while it dials us is not dialed. */
  readonly #dials = new Map<NodeName, AbortController>();
  /** Of each node that dials us, and that we did not dial, the connection. */
  readonly #accepting = new Map<NodeName, Socket>();
  readonly #up = new Map<NodeName, Up>();
  readonly #lives = new WeakTable<string, NodeLife>();
  /** The one asked for last: most messages are of the same peer as the one before. */
  #life: NodeLife | undefined;
  readonly #watching = new Set<(event: NodeEvent) => void>();
  readonly #shaking = new Set<Socket>();
  readonly #ownFunctions: OfferedModule;
  #lifeIndex = 0;
  #stopped = false;

  constructor(options: NetKernelOptions) {
    this.#options = options;
    this.name = atom(options.name);
    this.creation = options.creation;
    this.identities = new NodeIdentities(this);
    const modules = modulesOf(options.modules);
    this.#ownFunctions = {
      terms: "natural",
      functions: { start: (name, version, args) => startHere(modules, name, version, args) },
    };
  }

  // Identifiers

  life(name: Atom, creation: number): NodeLife {
    const last = this.#life;
    if (last?.atom === name && last.creation === creation) return last;
    this.#life = this.#findLife(name, creation);
    return this.#life;
  }

  #findLife(name: Atom, creation: number): NodeLife {
    const key = `${name.name}/${creation}`;
    const known = this.#lives.get(key);
    if (known !== undefined) return known;
    const routeTo = (node: NodeName): Peer | undefined =>
      node === this.#options.name ? undefined : this.routeTo(node);
    const life = new NodeLife(name, creation, ++this.#lifeIndex, routeTo);
    this.#lives.set(key, life);
    return life;
  }

  // What incoming signals need

  get nobody(): LocalPid {
    return this.#options.local.nobody;
  }

  named(name: string): Process | undefined {
    return this.#options.local.names.get(name);
  }

  isExact(process: Process): boolean {
    return takesTerms(process);
  }

  readonly #offer = (module: string): OfferedModule | undefined =>
    module === NODE_MODULE ? this.#ownFunctions : offeredModule(module);

  spawnRequest(peer: Peer, control: SpawnRequest, args: Payload): void {
    spawnRequested(this.#options.local, this.#offer, peer, control, args);
  }

  // Nodes

  nodes(kind: "visible" | "hidden" | "connected"): readonly NodeName[] {
    return [...this.#up]
      .filter(([, { visible }]) => kind === "connected" || visible === (kind === "visible"))
      .map(([name]) => name);
  }

  /** @returns what ends it. */
  watchNodes(watcher: (event: NodeEvent) => void): () => void {
    this.#watching.add(watcher);
    return () => this.#watching.delete(watcher);
  }

  #tell(event: NodeEvent): void {
    for (const watcher of [...this.#watching, ...watchersOf(this.#options.local)]) watcher(event);
  }

  /** The route to a node that is connected now; to none else, as OTP's `noconnect`. */
  connectedRoute(name: NodeName): Peer | undefined {
    return this.#up.get(name)?.peer;
  }

  routeTo(name: NodeName): Peer {
    const known = this.#up.get(name)?.peer ?? this.#dialing.get(name);
    if (known !== undefined) return known;
    const peer = new Peer(name, (error) => this.#warn(`a message to ${name} could not be sent`, error));
    if (this.#stopped) {
      peer.down();
      return peer;
    }
    this.#dialing.set(name, peer);
    // A node that dials us is not dialed: of two connections that cross each side might end the other one.
    if (!this.#accepting.has(name)) this.#dial(peer);
    return peer;
  }

  /** **Errors** `INTERLOCK_CONNECT` */
  async connect(name: NodeName): Promise<void> {
    const peer = this.routeTo(name);
    if (await peer.opened()) return;
    const problem = this.#problems.get(peer) ?? new Error("the connection was given up");
    throw new ClusterError(
      "INTERLOCK_CONNECT",
      `Cannot connect to ${name}: ${problem.message}`,
      { node: name, problem: problem.message },
      { cause: problem },
    );
  }

  disconnect(name: NodeName): boolean {
    const up = this.#up.get(name);
    up?.link.close("disconnect");
    return up !== undefined;
  }

  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#dials.keys()]) this.#callOff(name);
    for (const { link } of [...this.#up.values()]) link.close("net_kernel_terminated");
    for (const socket of this.#shaking) socket.destroy();
  }

  // Making connections

  readonly #problems = new WeakMap<Peer, Error>();

  #dial(peer: Peer): void {
    const dial = new AbortController();
    this.#dials.set(peer.name, dial);
    this.#dialed(peer, dial).then(
      (established) => {
        // Called off meanwhile: the peer has dialed us, with more right.
        if (this.#dials.get(peer.name) !== dial) established.socket.destroy();
        else this.#established(peer, established);
      },
      (error: unknown) => {
        if (this.#dials.get(peer.name) !== dial) return;
        this.#dials.delete(peer.name);
        // The peer dials us and goes on with that: its connection will be this one.
        if (problemOf(error) === "nok") this.#awaitTheirs(peer, error);
        else this.#giveUp(peer, error);
      },
    );
  }

  async #dialed(peer: Peer, dial: AbortController): Promise<Shaken> {
    const { lookup, ports, handshakeMs, local, credentials } = this.#options;
    const { signal } = dial;
    // Nobody is asked who is called that: without a host it would be this machine, or whatever DNS makes of it.
    if (!isNodeName(peer.name))
      throw new Error(`${JSON.stringify(peer.name)} is no name of a node: those are app@host`);
    const late = (): void => dial.abort(new Error(`no connection within ${handshakeMs} ms`));
    const timer = local.runtime.timers.set(late, handshakeMs);
    // A lookup of the user's may not heed its signal.
    const { promise: calledOff, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    let socket: Socket;
    try {
      const address = await Promise.race([lookup(peer.name, signal), calledOff]);
      socket = await ports.dial(address, signal, credentials).catch((error: Error & { readonly code?: unknown }) => {
        throw error.code === "ECONNREFUSED" ? new NobodyListens(error.message, { cause: error }) : error;
      });
    } finally {
      local.runtime.timers.clear(timer);
    }
    const ended = (): void => socket.destroy();
    if (signal.aborted) ended();
    signal.addEventListener("abort", ended);
    return this.#shake(socket, "dialer", peer.name);
  }

  #callOff(name: NodeName): void {
    const dial = this.#dials.get(name);
    this.#dials.delete(name);
    dial?.abort(new Error(`${name} dials this node, or this node stops`));
  }

  #giveUp(peer: Peer, error: unknown): void {
    if (this.#dialing.get(peer.name) !== peer) return;
    this.#dialing.delete(peer.name);
    this.#problems.set(peer, error instanceof Error ? error : new Error(String(error)));
    peer.down();
  }

  #awaitTheirs(peer: Peer, error: unknown): void {
    const { local, handshakeMs } = this.#options;
    const { timers } = local.runtime;
    const timer = timers.set(() => this.#giveUp(peer, error), handshakeMs);
    void peer.opened().then(() => timers.clear(timer)); // Or it would keep a program from its end.
  }

  accept(socket: Socket): void {
    const { remote } = socket;
    this.#shake(socket, "acceptor", undefined).then(
      (established) => {
        const name = established.peer as NodeName;
        if (this.#stopped) return socket.destroy();
        if (!socket.isFor(hostOf(name))) {
          socket.destroy();
          this.#notAccepted(socket);
          return this.#warn(`a connection from ${remote} was refused`, new Error(`its certificate is not for ${name}`));
        }
        if (this.#accepting.get(name) === socket) this.#accepting.delete(name);
        this.#callOff(name);
        this.#up.get(name)?.link.close("superseded by a new connection");
        const peer = this.#dialing.get(name) ?? new Peer(name, (error) => this.#warn(`a message to ${name}`, error));
        this.#established(peer, established);
      },
      (error: unknown) => {
        if (!this.#hasGivenWay(error)) this.#warn(`a connection from ${remote} was refused`, error);
        this.#notAccepted(socket);
      },
    );
  }

  /** Nothing came of it that a node dialed us: it is dialed now if it is wanted here. */
  #notAccepted(socket: Socket): void {
    for (const [name, accepting] of [...this.#accepting]) {
      if (accepting !== socket) continue;
      this.#accepting.delete(name);
      const peer = this.#dialing.get(name);
      if (peer !== undefined && !this.#dials.has(name) && !this.#stopped) this.#dial(peer);
    }
  }

  /** Of two that dial each other at once one gives way, in one of several ways. And who says nothing was nobody's loss. */
  #hasGivenWay(error: unknown): boolean {
    if (!(error instanceof ClosedEarly)) return problemOf(error) === "nok" || problemOf(error) === "already_connected";
    const peer = error.peer as NodeName | undefined;
    return peer === undefined ? !error.hasSpoken : this.#up.has(peer) || this.#dialing.has(peer);
  }

  async #shake(socket: Socket, role: "dialer" | "acceptor", peer: NodeName | undefined): Promise<Shaken> {
    const { name, cookies, creation, credentials, visible, ports, handshakeMs, local } = this.#options;
    const lengthBytes = credentials === undefined ? 2 : 4;
    const flags = visible ? VISIBLE_NODE_FLAGS : HIDDEN_NODE_FLAGS;
    this.#shaking.add(socket);
    try {
      const [cookie, ...accepted] = typeof cookies === "function" ? await cookies() : cookies;
      if (this.#stopped) throw new ClosedEarly("this node stops", false, peer, undefined);
      const established = await shakeHands(socket, {
        options: { role, name, peer, cookie, accepted, flags, creation, challenge: ports.challenge(), lengthBytes },
        standing: (from) => {
          if (this.#up.has(from as NodeName)) return "established";
          if (this.#dials.has(from as NodeName)) return "pending";
          this.#accepting.set(from as NodeName, socket);
          return "none";
        },
        isWanted: (from) => !this.#up.has(from as NodeName),
        timeoutMs: handshakeMs,
        runtime: local.runtime,
      });
      return { ...established, socket };
    } finally {
      this.#shaking.delete(socket);
    }
  }

  #established(peer: Peer, established: Shaken): void {
    const { name } = peer;
    const { local, tickMs, busyBytes, mostBytes } = this.#options;
    const { flags, visible, creation, socket, hand } = established;
    const connection = new Connection({ flags, identities: this.identities });
    const link = new SocketLink(socket, connection, established, {
      runtime: local.runtime,
      tickMs,
      busyBytes,
      mostBytes,
      receive: (control: ControlMessage, payload: Payload) => receive(this, peer, control, payload),
      closed: (reason, error) => this.#ended(name, link, reason, error),
    });
    this.#dialing.delete(name);
    this.#dials.delete(name);
    this.#up.set(name, { peer, link, visible, creation });
    peer.up(link);
    this.#tell({ type: "nodeup", node: name, visible });
    hand({
      data: (bytes) => link.onData(bytes),
      room: () => link.room,
      drained: () => link.onDrain(),
      closed: (error) => link.onClosed(error),
    });
  }

  #ended(name: NodeName, link: SocketLink, reason: string, error: unknown): void {
    const up = this.#up.get(name);
    if (up?.link !== link) return;
    this.#up.delete(name);
    // What the system says of a socket has no stack worth reading.
    const why = error instanceof Error && "syscall" in error ? error.message : error;
    if (error !== undefined) this.#warn(`the connection to ${name} ended: ${reason}`, why);
    up.peer.down();
    this.#tell({ type: "nodedown", node: name, visible: up.visible, reason });
  }

  #warn(text: string, details: unknown): void {
    const { local, name } = this.#options;
    const at = local.runtime.clock.wallTime();
    local.report({ type: "warning", pid: undefined, label: name, text, details, at });
  }
}

function problemOf(error: unknown): HandshakeProblem | undefined {
  return error instanceof WireError && error.code === "INTERLOCK_WIRE_HANDSHAKE"
    ? (error as WireError<"INTERLOCK_WIRE_HANDSHAKE">).details.problem
    : undefined;
}
