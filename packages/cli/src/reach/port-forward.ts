/**
 * A connection to a port of a pod through the API server, over a WebSocket: each message begins with the number of its channel,
 * 0 for what is sent and received, 1 for what went wrong; the first of each channel holds the port instead.
 * @see https://kubernetes.io/docs/reference/generated/kubernetes-api (pods/portforward)
 */
import { Duplex } from "node:stream";
import type { Configuration } from "@interlock/kubernetes";
import { WebSocket } from "ws";
import { CliError } from "../errors.ts";
import type { PodPort } from "../ui/terminal.ts";

const PROTOCOL = "v4.channel.k8s.io";
const PORT_BYTES = 2;
const DATA = 0;
const ERROR = 1;
/** So much may wait to be sent before whoever writes has to wait. */
const MOST_WAITING = 1_048_576;

/** **Errors** `INTERLOCK_PORT_FORWARD`; `INTERLOCK_KUBERNETES_CONFIG`. */
export async function portForward(configuration: Configuration, to: PodPort, signal: AbortSignal): Promise<Duplex> {
  const { agent, headers, tls } = await configuration.credentials();
  const { namespace, pod, port } = to;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/portforward`;
  const url = `${configuration.server.replace(/^http/, "ws")}${path}?ports=${port}`;
  const socket = new WebSocket(url, [PROTOCOL], { ...tls, headers, ...(agent !== undefined && { agent }) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (problem: string): void => {
    const message = `Cannot reach port ${port} of ${pod} in ${namespace} through the API server: ${problem}`;
    reject(new CliError("INTERLOCK_PORT_FORWARD", message, { pod, namespace, port, problem }));
  };
  const aborted = (): void => {
    failed((signal.reason as Error).message);
    socket.terminate();
  };
  socket.once("open", () => resolve());
  socket.on("error", ({ message }) => failed(message));
  socket.once("unexpected-response", (_request, answer) => {
    failed(answer.statusCode === 403 ? "you may not create pods/portforward" : `it answered ${answer.statusCode}`);
    socket.terminate();
  });
  signal.addEventListener("abort", aborted, { once: true });
  if (signal.aborted) aborted();
  const stream = new ForwardedPort(socket);
  // It is for coming about: what has come about goes on.
  await promise.finally(() => signal.removeEventListener("abort", aborted));
  return stream;
}

class ForwardedPort extends Duplex {
  readonly #socket: WebSocket;
  /** Channels that have said their port. */
  readonly #begun = new Set<number>();

  constructor(socket: WebSocket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    // It may fail before whoever asked for it has had a turn: then it is an errored stream, and no error of the program.
    this.on("error", () => undefined);
    socket.binaryType = "nodebuffer";
    socket.on("message", (data) => this.#received(data as Buffer));
    socket.once("close", () => this.push(null));
  }

  #received(data: Buffer): void {
    const channel = data[0] ?? ERROR;
    const bytes = data.subarray(1 + (this.#begun.has(channel) ? 0 : PORT_BYTES));
    this.#begun.add(channel);
    if (bytes.length === 0) return;
    if (channel === ERROR) this.destroy(new Error(bytes.toString("utf8").trim()));
    else if (channel === DATA && !this.push(bytes)) this.#socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: unknown, done: (error?: Error | null) => void): void {
    const message = Buffer.allocUnsafe(chunk.length + 1);
    message[0] = DATA;
    chunk.copy(message, 1);
    if (this.#socket.bufferedAmount > MOST_WAITING) {
      this.#socket.send(message, done);
      return;
    }
    this.#socket.send(message);
    done();
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
