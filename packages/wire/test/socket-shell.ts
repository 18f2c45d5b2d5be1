/**
 * The least that this package needs to meet other nodes: sockets on loopback, an embedded EPMD, and a node that is one
 * mailbox. Only for tests; the real shell is @interlock/cluster.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";

import { Connection } from "../src/distribution/connection.ts";
import { type ControlMessage, hasPayload } from "../src/distribution/control-message.ts";
import { VISIBLE_NODE_FLAGS } from "../src/distribution/flags.ts";
import { FrameReader } from "../src/distribution/frame.ts";
import { type Established, type Handshake, type HandshakeStep, startHandshake } from "../src/distribution/handshake.ts";
import { EpmdRegistry } from "../src/epmd/registry.ts";
import { Atom, atom } from "../src/term/atom.ts";
import { ErlangPid, ErlangReference, ImproperList, Tuple, tuple } from "../src/term/erlang.ts";

export const HOST = "127.0.0.1";

export async function listen(accepted: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer(accepted);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const bound = server.address();
  if (typeof bound !== "object" || bound === null) throw new Error("no port");
  return { server, port: bound.port };
}

/** An embedded EPMD on a port of its own. */
export class Epmd {
  readonly registry: EpmdRegistry;
  readonly port: number;
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  static async start(): Promise<Epmd> {
    let epmd: Epmd | undefined;
    const { server, port } = await listen((socket) => epmd?.accept(socket));
    epmd = new Epmd(server, port);
    return epmd;
  }

  constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    this.registry = new EpmdRegistry({ port, creation: 1_000 });
  }

  accept(socket: Socket): void {
    const connection = this.registry.connect();
    socket.on("data", (chunk: Buffer) => {
      const { output, close } = connection.receive(chunk);
      if (output !== undefined) socket.write(output);
      if (close) socket.end();
      for (const wake of this.#waiting.splice(0)) wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => connection.closed());
  }

  /** The port of a node, once it is registered. */
  async portOf(name: string): Promise<number> {
    for (;;) {
      const node = this.registry.nodes.get(name);
      if (node !== undefined) return node.port;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    this.#server.close();
  }
}

export interface Message {
  readonly control: ControlMessage;
  readonly payload: unknown;
}

export interface NodeOptions {
  readonly name: string;
  readonly cookie: string;
  readonly flags?: bigint;
}

/** One link of a test node: what came and was not yet asked for waits. */
export class Link {
  readonly socket: Socket;
  readonly established: Established;
  readonly connection: Connection;
  /** What the frames of the peer began with: 112, 68, 69, 70. */
  readonly seen: Set<number> = new Set();
  readonly #node: TestNode;
  readonly #sniffer = new FrameReader(100_000_000);
  readonly #messages: Message[] = [];
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket, established: Established, node: TestNode) {
    this.socket = socket;
    this.established = established;
    this.#node = node;
    this.connection = new Connection({ flags: established.flags });
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#end(new Error("the connection has ended")));
    this.#receive(Buffer.from(established.rest));
  }

  #receive(chunk: Buffer): void {
    try {
      this.#sniffer.receive(chunk, (bytes, at) => {
        this.seen.add(bytes[at] === 112 ? 112 : (bytes[at + 1] as number));
      });
      this.connection.receive(chunk, (control, payload) => {
        const message = { control, payload: hasPayload(control) ? payload("exact") : undefined };
        if (!this.#answersPing(message)) this.#messages.push(message);
      });
    } catch (error) {
      this.#end(error as Error);
      this.socket.destroy();
    }
    this.#wake?.();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }

  /** `net_adm:ping` is a gen_server call of `net_kernel`. */
  #answersPing({ control, payload }: Message): boolean {
    if (control.type !== "REG_SEND" || control.to.name !== "net_kernel" || !(payload instanceof Tuple)) return false;
    const [, from] = payload.elements;
    if (!(from instanceof Tuple)) return false;
    const tag = from.elements[1];
    if (!(tag instanceof ImproperList) || !(tag.tail instanceof ErlangReference)) return false;
    this.send({ type: "ALIAS_SEND", from: this.#node.pid, to: tag.tail }, tuple(tag, atom("yes")));
    return true;
  }

  /** The one process of our node. */
  get pid(): ErlangPid {
    return this.#node.pid;
  }

  send(control: ControlMessage, payload?: unknown): readonly Uint8Array[] {
    const chunks = this.connection.send(control, payload, "exact");
    for (const chunk of chunks) this.socket.write(chunk);
    return chunks;
  }

  /** The first message, of those that came and those that come, that is wanted. */
  async next(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const index = this.#messages.findIndex(wanted);
      if (index >= 0) return this.#messages.splice(index, 1)[0] as Message;
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends to a process registered there. */
  sendTo(name: string, payload: unknown): readonly Uint8Array[] {
    return this.send({ type: "REG_SEND", from: this.#node.pid, to: atom(name) }, payload);
  }

  /** What Erlang expressions are worth there, in the exact profile. `From` is our pid. */
  async evaluate(text: string): Promise<unknown> {
    const reference = this.#node.reference();
    this.sendTo("tester", tuple(atom("eval"), this.#node.pid, reference, Buffer.from(text)));
    const { payload } = await this.next(
      (message) =>
        message.payload instanceof Tuple &&
        message.payload.elements[0] instanceof ErlangReference &&
        message.payload.elements[0].words[0] === reference.words[0],
    );
    const [, ok, value] = (payload as Tuple).elements;
    if (!(ok instanceof Atom) || ok.name !== "ok") throw new Error(`Erlang: ${Buffer.from(show(value)).toString()}`);
    return value;
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}` : part));
}

/** A node with one process, that all messages reach. */
export class TestNode {
  readonly options: NodeOptions;
  readonly pid: ErlangPid;
  readonly #creation = 77_777;
  readonly #sockets = new Set<Socket>();
  #references = 0;
  #server: Server | undefined;

  constructor(options: NodeOptions) {
    this.options = options;
    this.pid = new ErlangPid(atom(options.name), 1, 0, this.#creation);
  }

  reference(): ErlangReference {
    this.#references++;
    return new ErlangReference(atom(this.options.name), [this.#references, 0, 0], this.#creation);
  }

  dial(port: number, peer: string): Promise<Link> {
    const socket = createConnection({ host: HOST, port });
    return this.#shakeHands(socket, "dialer", peer);
  }

  /** Registers at the EPMD and resolves with the links of those that dial, one call each. */
  async accept(epmd: Epmd): Promise<() => Promise<Link>> {
    const links: Promise<Link>[] = [];
    let wake: (() => void) | undefined;
    const { server, port } = await listen((socket) => {
      const link = this.#shakeHands(socket, "acceptor", undefined);
      link.catch(() => undefined);
      links.push(link);
      wake?.();
    });
    this.#server = server;
    const name = this.options.name.split("@")[0] as string;
    const nothing = new Uint8Array();
    epmd.registry.register({ name, port, type: "visible", highestVersion: 6, lowestVersion: 6, extra: nothing });
    return async () => {
      while (links.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return links.shift() as Promise<Link>;
    };
  }

  #shakeHands(socket: Socket, role: "dialer" | "acceptor", peer: string | undefined): Promise<Link> {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const { name, cookie, flags = VISIBLE_NODE_FLAGS } = this.options;
    const { handshake, output } = startHandshake({
      ...{ role, name, cookie, flags, peer },
      creation: this.#creation,
      challenge: 0x1234_5678,
    });
    for (const bytes of output) socket.write(bytes);
    return new Promise((resolve, reject) => {
      const take = ({ events, output: answer }: HandshakeStep): void => {
        for (const bytes of answer) socket.write(bytes);
        for (const event of events) {
          if (event.type === "asked") take(handshake.decide("none"));
          else if (event.type === "alive") take(handshake.confirm(true));
          else if (event.type === "refused") {
            socket.end();
            reject(event.error);
          } else if (event.type === "established") {
            socket.removeAllListeners("data");
            resolve(new Link(socket, event, this));
          }
        }
      };
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the peer has closed the connection")));
      socket.on("data", (chunk: Buffer) => take((handshake satisfies Handshake).receive(chunk)));
    });
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
