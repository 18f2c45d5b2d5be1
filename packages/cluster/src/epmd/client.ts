/** Asking an EPMD: to be registered, and where a node listens. @see erl_epmd(3) */
import {
  type EpmdName,
  type EpmdNode,
  type EpmdRequest,
  type EpmdResponse,
  EpmdResponseReader,
  encodeEpmdRequest,
  readAlive2Response,
  readNamesResponse,
  readPort2Response,
} from "@interlock/wire";
import type { Address, Ports, Socket } from "../ports.ts";

/** A registration: it lasts as long as its connection. */
export interface Registration {
  readonly creation: number;
  /** Resolves when the EPMD is gone. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Registers a node. Undefined: its name is taken. Rejects when the EPMD cannot be reached. */
export async function registerNode(
  ports: Ports,
  epmd: Address,
  node: EpmdNode,
  signal: AbortSignal,
): Promise<Registration | undefined> {
  const socket = await ports.dial(epmd, signal);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const answer = ask(socket, { type: "ALIVE2_REQ", node }, readAlive2Response, signal, end);
  const { creation } = await answer;
  if (creation !== undefined) return { creation, ended, close: () => socket.destroy() };
  socket.destroy();
  return undefined;
}

/** Where the node of that name listens; undefined if there is none. */
export async function lookupNode(
  ports: Ports,
  epmd: Address,
  name: string,
  signal: AbortSignal,
): Promise<EpmdNode | undefined> {
  const socket = await ports.dial(epmd, signal);
  try {
    return (await ask(socket, { type: "PORT_PLEASE2_REQ", name }, readPort2Response, signal)).node;
  } finally {
    socket.destroy();
  }
}

/** All that are registered there. Rejects when the EPMD cannot be reached. */
export async function registeredNodes(ports: Ports, epmd: Address, signal: AbortSignal): Promise<readonly EpmdName[]> {
  const socket = await ports.dial(epmd, signal);
  try {
    return await ask(socket, { type: "NAMES_REQ" }, readNamesResponse, signal);
  } finally {
    socket.destroy();
  }
}

function ask<Value>(
  socket: Socket,
  request: EpmdRequest,
  read: EpmdResponse<Value>,
  signal: AbortSignal,
  ended?: () => void,
): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const reader = new EpmdResponseReader(read);
  const attempt = (step: () => Value | undefined): void => {
    try {
      const value = step();
      if (value !== undefined) resolve(value);
    } catch (error) {
      socket.destroy();
      reject(error as Error);
    }
  };
  const aborted = (): void => {
    socket.destroy();
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", aborted, { once: true });
  let answered = false;
  void promise.then(
    () => {
      answered = true;
      signal.removeEventListener("abort", aborted);
    },
    () => signal.removeEventListener("abort", aborted),
  );
  socket.open({
    data: (bytes) => {
      if (!answered) attempt(() => reader.receive(bytes));
    },
    drained: () => undefined,
    closed: (error) => {
      if (error !== undefined) reject(error);
      else attempt(() => reader.closed());
      ended?.();
    },
  });
  socket.write(encodeEpmdRequest(request));
  return promise;
}
