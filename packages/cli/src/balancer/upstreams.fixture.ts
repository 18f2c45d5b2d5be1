/** Nodes and visitors for tests of the balancer: real servers and sockets within this program. */
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type Balancer, startBalancer } from "./balancer.ts";
import type { Upstream } from "./choose.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface TestNode<S extends NetServer = Server> extends Upstream {
  readonly server: S;
  /** Requests that it has read. */
  seen: number;
}

/** A balancer and nodes behind it. All must be able to end when a test has: what is left open makes it hang. */
export class Site implements AsyncDisposable {
  readonly nodes: Upstream[];
  readonly #servers: NetServer[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly balancer: Balancer;

  private constructor(balancer: Balancer, nodes: Upstream[]) {
    this.balancer = balancer;
    this.nodes = nodes;
  }

  static async open(answerMs = 60_000): Promise<Site> {
    const nodes: Upstream[] = [];
    return new Site(await startBalancer({ host: "127.0.0.1", port: 0, upstreams: () => nodes, answerMs }), nodes);
  }

  async node(id: string, listener: Listener): Promise<TestNode> {
    const server = createServer((incoming, response) => {
      node.seen += 1;
      listener(incoming, response);
    });
    const node = { id, server, seen: 0, url: await this.#listen(server) };
    this.nodes.push(node);
    return node;
  }

  /** A node that speaks no HTTP but what it is told to. */
  async rawNode(id: string, listener: (socket: Socket) => void): Promise<TestNode<NetServer>> {
    const server = createNetServer((socket) => {
      socket.on("error", () => socket.destroy());
      listener(socket);
    });
    const node = { id, server, seen: 0, url: await this.#listen(server) };
    this.nodes.push(node);
    return node;
  }

  /** A node whose port nobody listens at. */
  async deadNode(id: string): Promise<void> {
    const server = createNetServer();
    this.nodes.push({ id, url: await this.#listen(server) });
    server.close();
  }

  /** The node takes no new visitors. */
  drain(id: string): void {
    const at = this.nodes.findIndex((node) => node.id === id);
    this.nodes.splice(at, 1);
    this.balancer.refresh();
  }

  send(path: string, options: RequestOptions = {}): ClientRequest {
    return request(new URL(path, this.balancer.url), { agent: this.#agent, ...options });
  }

  /** A whole exchange. */
  async ask(path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
    const sending = this.send(path, options);
    sending.end(body);
    return answerOf(sending);
  }

  async #listen(server: NetServer): Promise<string> {
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.balancer.close();
    // Not closeAllConnections(): the balancer has let go of every one, or this hangs.
    for (const server of this.#servers) if (server.listening) await new Promise((done) => server.close(done));
  }
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly node: unknown;
}

export async function answerOf(sending: ClientRequest): Promise<Answer> {
  const answer = await headOf(sending);
  const { headers, statusCode: status } = answer;
  return { status, headers, body: await text(answer), node: headers["x-interlock-node"] };
}

export async function headOf(sending: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sending, "response")) as [IncomingMessage];
  return answer;
}
