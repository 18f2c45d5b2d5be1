/**
 * Clients that never try again, through an address of which somebody else decides where it leads, as a Service's does: what is
 * connected stays where it is, and a new connection goes to the backend of the moment.
 */
import { type AgentOptions, Agent as HttpAgent, request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

export type Scheme = "http" | "https" | "h2c" | "h2";

/** Where new connections go. */
export interface Service {
  port: number;
}

export interface Client {
  readonly name: string;
  /** One request; rejects when it was not answered as it should have been. */
  ask(): Promise<void>;
  close(): void;
}

const CHUNKS = 4;

export function clientsOf(scheme: Scheme, service: Service): readonly Client[] {
  const kinds: readonly (readonly [string, keyof typeof paths, number, boolean])[] = [
    ["busy", "quick", 0, true],
    ["busy with posts", "upload", 0, true],
    ["idle for a while", "quick", 60, true],
    ["idle for longer", "quick", 170, true],
    ["slow answers", "slow", 0, true],
    ["a connection for each request", "quick", 5, false],
  ];
  return kinds.map(([name, path, idleMs, keepAlive]) => {
    const transport = scheme === "h2" || scheme === "h2c" ? http2(scheme, service) : http1(scheme, service, keepAlive);
    return {
      name,
      async ask() {
        await pause(idleMs);
        await transport.ask(paths[path]);
      },
      close: () => transport.close(),
    };
  });
}

interface Asking {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly answer: string;
}

const paths = {
  quick: { method: "GET", path: "/quick", answer: "quick" },
  slow: { method: "GET", path: "/slow", answer: "slow and slower" },
  upload: { method: "POST", path: "/upload", answer: `${CHUNKS * 1_000}` },
} as const satisfies Record<string, Asking>;

interface Transport {
  ask(asking: Asking): Promise<void>;
  close(): void;
}

function http1(scheme: "http" | "https", service: Service, keepAlive: boolean): Transport {
  const options: AgentOptions = { keepAlive, maxSockets: 1 };
  const agent = scheme === "http" ? new HttpAgent(options) : new HttpsAgent({ ...options, rejectUnauthorized: false });
  // Under one name for the agent, wherever it leads.
  agent.createConnection = (() =>
    scheme === "http"
      ? connectTcp(service.port, "127.0.0.1")
      : connectTls({ port: service.port, host: "127.0.0.1", rejectUnauthorized: false })) as never;
  const request = scheme === "http" ? httpRequest : httpsRequest;
  return {
    ask: ({ answer, method, path }) =>
      new Promise((resolve, reject) => {
        const asked = request({ agent, host: "service", method, path }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          response.on("error", reject);
          response.on("end", () => judge(response.statusCode, text, answer, resolve, reject));
        });
        asked.on("error", reject);
        void upload(asked, method);
      }),
    close: () => agent.destroy(),
  };
}

function http2(scheme: "h2" | "h2c", service: Service): Transport {
  let session: ClientHttp2Session | undefined;
  const current = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed)
      session = connectHttp2(`${scheme === "h2" ? "https" : "http"}://127.0.0.1:${service.port}`, {
        rejectUnauthorized: false,
      }).on("error", () => undefined);
    return session;
  };
  return {
    ask: ({ answer, method, path }) =>
      new Promise((resolve, reject) => {
        const stream = current().request({ ":method": method, ":path": path }, { endStream: method === "GET" });
        let status = 0;
        let text = "";
        stream.on("response", (headers) => {
          status = headers[":status"] ?? 0;
        });
        stream.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        stream.on("error", reject);
        stream.on("close", () => judge(status, text, answer, resolve, reject));
        void upload(stream, method);
      }),
    close: () => session?.destroy(),
  };
}

async function upload(to: NodeJS.WritableStream, method: string): Promise<void> {
  if (method === "POST")
    for (let sent = 0; sent < CHUNKS; sent++) {
      to.write("x".repeat(1_000));
      await pause(5);
    }
  to.end();
}

function judge(
  status: number | undefined,
  got: string,
  expected: string,
  resolve: () => void,
  reject: (error: Error) => void,
): void {
  if (status === 200 && got === expected) resolve();
  else reject(new Error(`${status} ${JSON.stringify(got)}`));
}

/** All clients at work, each with one request after the other, until they are told to stop. */
export class Load {
  readonly failures: string[] = [];
  readonly #clients: readonly Client[];
  readonly #counts = new Map<Client, number>();
  readonly #working: Promise<unknown>;
  #isOver = false;
  #counted: () => void = () => undefined;

  constructor(clients: readonly Client[]) {
    this.#clients = clients;
    this.#working = Promise.all(clients.map((client) => this.#work(client)));
  }

  async #work(client: Client): Promise<void> {
    while (!this.#isOver) {
      await client
        .ask()
        .catch((error: NodeJS.ErrnoException) => this.failures.push(`${client.name}: ${error.code ?? error.message}`));
      this.#counts.set(client, (this.#counts.get(client) ?? 0) + 1);
      this.#counted();
    }
  }

  /** Resolves when every client has had so many more answers. */
  async rounds(count: number): Promise<void> {
    const goals = this.#clients.map((client) => [client, (this.#counts.get(client) ?? 0) + count] as const);
    while (goals.some(([client, goal]) => (this.#counts.get(client) ?? 0) < goal))
      await new Promise<void>((resolve) => {
        this.#counted = resolve;
      });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#working;
    for (const client of this.#clients) client.close();
  }
}
