/**
 * The ports of this package: sockets, names of hosts, files. `nodePorts` is Node.js itself; simulation plugs in a network
 * of its own. Clock and timers come from the core's Runtime. No other file here touches a socket, a file or the environment.
 */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Resolver as DnsResolver } from "node:dns/promises";
import { watch } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import {
  createConnection,
  createServer,
  isIP,
  Socket as NetSocket,
  type OnReadOpts,
  type Server,
  type SocketConstructorOpts,
} from "node:net";
import { dirname } from "node:path";
import {
  checkServerIdentity,
  connect,
  createServer as createTlsServer,
  type PeerCertificate,
  TLSSocket,
} from "node:tls";
import { unowned } from "@interlock/core";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What happens on a socket; set once, before the first event. */
export interface SocketEvents {
  /** Bytes, valid until the call returns unless copied. */
  data(bytes: Uint8Array): void;
  /** Where the next bytes are best read to; `data` has a part of it then. A socket may read them elsewhere all the same. */
  room?(): Uint8Array | undefined;
  /** Some of what was written has left this program. */
  drained(): void;
  /** The end, once; with the error if it was one. */
  closed(error: Error | undefined): void;
}

export interface Socket {
  readonly remote: string;
  /** Whether the peer has shown a certificate for that host; without TLS there is none to show, and this is true. */
  isFor(host: string): boolean;
  /** Bytes that were written and have not left yet. */
  readonly buffered: number;
  open(events: SocketEvents): void;
  /** All of them leave together. */
  write(...chunks: readonly Uint8Array[]): void;
  /** Closes when what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** PEM texts of one node: its key, its certificate, and who may sign those of the others. */
export interface Credentials {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  /**
   * The DNS name that all nodes' certificates are for, where they share one. Default: each is for its own host, the part of
   * the node's name behind the `@`.
   */
  readonly peerName?: string;
  /** Default TLSv1.3. Erlang's nodes have TLS 1.2, unless their `ssl_dist_optfile` says `{versions, ['tlsv1.3']}`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** Asked for every connection, so that renewed certificates serve from the next one on. */
export type CredentialsSource = () => Credentials;

export interface Listener {
  readonly address: Address;
  /** Takes no more connections; those that are open stay. */
  close(): Promise<void>;
}

/** Questions to the domain name system. Each rejects as `node:dns` does, with its `code`, and never gives half an answer. */
export interface Resolver {
  /** A or AAAA records. `ENOTFOUND`: the name does not exist; `ENODATA`: it does, without such records. */
  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly string[]>;
  /** SRV records. */
  services(name: string, signal: AbortSignal): Promise<readonly Address[]>;
}

/** Small files that nodes of one machine leave for each other. */
export interface SharedFiles {
  /** Undefined: there is none of that name. */
  read(path: string): Promise<string | undefined>;
  /** Whole or not at all, whatever happens meanwhile; makes the folder. */
  write(path: string, text: string): Promise<void>;
  /** Nothing when there is none. */
  remove(path: string): Promise<void>;
  /** The names of the files in a folder. */
  list(folder: string): Promise<readonly string[]>;
}

export interface Ports {
  /** With TLS both sides show certificates; whoever has none that fits is given to `refused`. Rejects as `node:net` does. */
  listen(at: Address, accepted: (socket: Socket) => void, tls?: SecureListening): Promise<Listener>;
  dial(to: Address, signal: AbortSignal, credentials?: CredentialsSource): Promise<Socket>;
  /** 32 bits that nobody can guess. */
  challenge(): number;
  readonly resolver: Resolver;
  readonly files: SharedFiles;
  environment(name: string): string | undefined;
  /** The text of a file and its permission bits; undefined if there is none. */
  secretFile(path: string): Promise<{ readonly text: string; readonly mode: number } | undefined>;
}

export interface SecureListening {
  readonly credentials: CredentialsSource;
  readonly refused: (error: Error, remote: string) => void;
}

/** For all sockets: each hands on what it has read before another one reads. */
const readBuffer = Buffer.allocUnsafeSlow(65_536);

/** Reads for one socket. Without it Node.js allocates 64 KiB for every read, and collecting them takes longer than reading. */
class SocketReader implements OnReadOpts {
  events: SocketEvents | undefined;

  readonly buffer = (): Uint8Array => this.events?.room?.() ?? readBuffer;

  readonly callback = (bytes: number, buffer: Uint8Array): boolean => {
    this.events?.data(buffer.subarray(0, bytes));
    return true;
  };
}

/** What Node.js has no types for. */
interface OwnsHandle {
  _handle?: object | null;
}

/**
 * A connection that was accepted and paused, with a reader. Node.js offers one only to those who dial, so the handle moves
 * into a socket of our own. Without such a handle, should a Node.js have none, everything works but its reads allocate.
 */
function withReader(accepted: NetSocket, reader: SocketReader): NetSocket {
  const { _handle: handle } = accepted as OwnsHandle;
  if (handle === undefined || handle === null) return accepted;
  (accepted as OwnsHandle)._handle = null;
  accepted.destroy();
  return new NetSocket({ handle, onread: reader, pauseOnCreate: true } as SocketConstructorOpts);
}

class NodeSocket implements Socket {
  readonly #socket: NetSocket;
  readonly #reader: SocketReader | undefined;
  readonly #peerName: string | undefined;
  #failure: Error | undefined;
  #written: (() => void) | undefined;

  /** `reader`: what the socket was made with. `peerName`: what the peer's certificate is for, if not for its host. */
  constructor(socket: NetSocket, reader?: SocketReader, peerName?: string) {
    this.#socket = socket;
    this.#reader = reader;
    this.#peerName = peerName;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    socket.pause();
    socket.on("error", (error) => {
      this.#failure = error;
    });
  }

  isFor(host: string): boolean {
    if (!(this.#socket instanceof TLSSocket)) return true;
    return nameProblem(this.#peerName ?? host, this.#socket.getPeerCertificate()) === undefined;
  }

  get remote(): string {
    return `${this.#socket.remoteAddress ?? "?"}:${this.#socket.remotePort ?? "?"}`;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  open(events: SocketEvents): void {
    this.#written = (): void => events.drained();
    if (this.#reader !== undefined) this.#reader.events = events;
    // A socket with a reader has no such event.
    this.#socket.on("data", (bytes: Buffer) => events.data(bytes)).on("close", () => events.closed(this.#failure));
    this.#socket.resume();
  }

  write(...chunks: readonly Uint8Array[]): void {
    if (this.#socket.destroyed) return;
    if (chunks.length > 1) this.#socket.cork();
    const last = chunks.length - 1;
    for (const [at, chunk] of chunks.entries()) this.#socket.write(chunk, at === last ? this.#written : undefined);
    if (chunks.length > 1) this.#socket.uncork();
  }

  end(): void {
    // Not end(): a peer that never closes its side would keep it open.
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

const HANDSHAKE_MS = 7_000;
const MIN_VERSION = "TLSv1.3";

/** What takes a connection that was accepted through its TLS handshake. */
function securing(
  { credentials, refused }: SecureListening,
  accepted: (socket: NetSocket, credentials: Credentials) => void,
): (socket: NetSocket) => void {
  let latest: Credentials | undefined;
  const remoteOf = (socket: NetSocket): string => `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`;
  const options = { requestCert: true, rejectUnauthorized: true } as const;
  const server = createTlsServer({ ...options, handshakeTimeout: HANDSHAKE_MS }, (socket) =>
    accepted(socket, latest as Credentials),
  );
  server.on("tlsClientError", (error, socket) => refused(error, remoteOf(socket)));
  return (socket) => {
    try {
      latest = credentials();
      server.setSecureContext({ minVersion: MIN_VERSION, ...latest, ...options });
    } catch (error) {
      socket.destroy();
      return refused(error as Error, remoteOf(socket));
    }
    server.emit("connection", socket);
  };
}

/** Why a certificate is not for that host; a host that is an address may stand there as a name, as OTP 25 wants it. */
function nameProblem(host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  if (problem === undefined || isIP(host) === 0) return problem;
  const names = (certificate.subjectaltname ?? "").split(", ");
  return names.includes(`DNS:${host}`) ? undefined : problem;
}

export interface ResolverOptions {
  /** Name servers, `address` or `address:port`. Default: the machine's. */
  readonly servers?: readonly string[];
  /** Milliseconds for an answer to one try. Default 2 000. */
  readonly timeoutMs?: number;
  /** Default 2. */
  readonly tries?: number;
}

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

/** Asks name servers directly: neither `/etc/hosts` nor a thread of the pool that files need is in the way. */
export function dnsResolver(options: ResolverOptions = {}): Resolver {
  const { servers, timeoutMs = DNS_TIMEOUT_MS, tries = DNS_TRIES } = options;
  // One for each question: cancel() ends all that its resolver has asked, and the machine's servers may change.
  const ask = <T>(signal: AbortSignal, question: (resolver: DnsResolver) => Promise<T>): Promise<T> =>
    unowned(async () => {
      signal.throwIfAborted();
      const resolver = new DnsResolver({ timeout: timeoutMs, tries });
      if (servers !== undefined) resolver.setServers(servers);
      const cancel = (): void => resolver.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      try {
        return await question(resolver);
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    });
  return {
    addresses: (name, family, signal) =>
      ask(signal, (resolver) => (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name))),
    services: async (name, signal) => {
      const records = await ask(signal, (resolver) => resolver.resolveSrv(name));
      return records.map(({ name: host, port }) => ({ host, port }));
    },
  };
}

const sharedFiles: SharedFiles = {
  read: (path) => unlessAbsent(readFile(path, "utf8")),
  write: async (path, text) => {
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.tmp`;
    const file = await open(draft, "w", 0o644);
    try {
      await file.writeFile(text);
      await file.datasync(); // Or the new name could outlive a crash of the machine without its text.
    } finally {
      await file.close();
    }
    await rename(draft, path);
  },
  remove: (path) => rm(path, { force: true }),
  list: (folder) => readdir(folder),
};

async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Node.js itself. Its sockets belong to no process: an error of one is the link's end, never a process'. */
export const nodePorts: Ports = {
  listen: (at, accepted, tls) =>
    unowned(
      () =>
        new Promise((resolve, reject) => {
          const plain = (socket: NetSocket): void => {
            const reader = new SocketReader();
            accepted(new NodeSocket(withReader(socket, reader), reader));
          };
          const server: Server =
            tls === undefined
              ? createServer({ pauseOnConnect: true }, plain)
              : createServer(
                  securing(tls, (socket, { peerName }) => accepted(new NodeSocket(socket, undefined, peerName))),
                );
          server.once("error", reject);
          server.listen({ host: at.host, port: at.port }, () => {
            server.off("error", reject);
            server.on("error", () => undefined); // Of one accept: the next may succeed.
            server.unref();
            const bound = server.address();
            const port = typeof bound === "object" && bound !== null ? bound.port : at.port;
            resolve({
              address: { host: at.host, port },
              close: () => new Promise((closed) => server.close(() => closed())),
            });
          });
        }),
    ),
  dial: (to, signal, credentials) =>
    unowned(
      () =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason as Error);
          const { host, port } = to;
          const reader = new SocketReader();
          const shown = credentials?.();
          const { peerName = host } = shown ?? {};
          const socket =
            shown === undefined
              ? createConnection({ host, port, onread: reader })
              : connect({
                  minVersion: MIN_VERSION,
                  ...shown,
                  host,
                  port,
                  ...(isIP(peerName) === 0 && { servername: peerName }),
                  checkServerIdentity: (_name, certificate) => nameProblem(peerName, certificate),
                });
          const aborted = (): void => {
            socket.destroy(signal.reason as Error);
          };
          signal.addEventListener("abort", aborted, { once: true });
          socket.once("error", (error) => {
            signal.removeEventListener("abort", aborted);
            reject(error);
          });
          socket.once(credentials === undefined ? "connect" : "secureConnect", () => {
            signal.removeEventListener("abort", aborted);
            socket.removeAllListeners("error");
            resolve(new NodeSocket(socket, reader, shown?.peerName));
          });
        }),
    ),
  challenge: () => randomBytes(4).readUInt32BE(),
  resolver: dnsResolver(),
  files: sharedFiles,
  environment: (name) => process.env[name],
  secretFile: (path) =>
    unlessAbsent(
      Promise.all([readFile(path, "utf8"), stat(path)]).then(([text, { mode }]) => ({ text, mode: mode & 0o777 })),
    ),
};

/** Files that are written once, whole, and then only read or removed: what several programs of a machine agree by. */
export interface LeaseFiles {
  /** The names in a folder, which is made if there is none. */
  list(folder: string): Promise<readonly string[]>;
  /** Undefined: there is none. */
  read(path: string): Promise<string | undefined>;
  /** There with all of `text`, and lasting, or not at all. @returns false if there is one already. */
  create(path: string, text: string): Promise<boolean>;
  /** No failure if there is none. */
  remove(path: string): Promise<void>;
  /** Keeps no program alive. @returns what ends it. */
  watch(folder: string, changed: () => void): () => void;
}

/** The code of a failed file operation. */
function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

/** Those of the machine. */
export const nodeLeaseFiles: LeaseFiles = {
  list: async (folder) => {
    await mkdir(folder, { recursive: true });
    return readdir(folder);
  },
  read: (path) => unlessAbsent(readFile(path, "utf8")),
  // A name of its own first (O_EXCL), then link(2): it fails when the path is there, and is seen by all at once.
  create: async (path, text) => {
    const own = `${path}.${randomBytes(8).toString("hex")}.tmp`;
    const file = await open(own, "wx");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(own, path);
    } catch (error) {
      // Somebody was first, by so much perhaps that what is unfinished was cleared away.
      if (codeOf(error) === "EEXIST" || codeOf(error) === "ENOENT") return false;
      throw error;
    } finally {
      await rm(own, { force: true });
    }
    const folder = await open(dirname(path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return true;
  },
  remove: (path) => rm(path, { force: true }),
  watch: (folder, changed) => {
    const watcher = watch(folder, { persistent: false }, () => changed());
    watcher.on("error", () => watcher.close()); // Whoever watches reads now and then as well.
    return () => watcher.close();
  },
};
