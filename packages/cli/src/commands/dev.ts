/** `interlock dev`: one node from its sources, one URL in front of it, and the node anew with every file that is saved. */
import { watch } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, relative, resolve } from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { nodeRuntime } from "@interlock/core";
import { announceNodes, announceUrl } from "../announce.ts";
import { startBalancer } from "../balancer/balancer.ts";
import { badOption } from "../errors.ts";
import { localPlatform } from "../platform/local-platform.ts";
import type { Platform, PlatformNode } from "../platform/platform.ts";
import { coloured } from "../ui/colour.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { entryOf } from "./run.ts";

export interface DevOptions {
  readonly file: string;
  readonly port: string;
}

/** An editor writes a file in several steps, and often several files. */
const SETTLE_MS = 100;
/** A debugger's pause, or work that was given no turn: nobody wants the node killed for that here. */
const NO_HANG = 0;
const IGNORED = /(^|[/\\])(node_modules|\.git|dist|release)([/\\]|$)|~$|\.sw[a-z]$/;

const keys = `  h  this help
  r  start the node anew
  t  how the node is
  q  end
`;

/** Ends when it is told to: by `q`, SIGINT or SIGTERM. **Errors** `INTERLOCK_ENTRY`, `INTERLOCK_BALANCER_PORT`. */
export async function dev(asked: string | undefined, options: DevOptions, terminal: Terminal): Promise<void> {
  const entry = await entryOf(asked, options.file);
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0) throw badOption("--port", JSON.stringify(options.port), "a port");
  const { out, talk } = terminal;
  const folder = dirname(entry);
  const app = nameFor(basename(resolve(dirname(options.file))));
  const node = pathToFileURL(createRequire(import.meta.url).resolve("@interlock/cli/node"));
  const platform = await localPlatform({ hangMs: NO_HANG, stdout: asWritable(out), stderr: asWritable(talk) });
  const upstreams = (): readonly { id: string; url: string }[] =>
    platform.nodes().flatMap(({ id, state, url }) => (state === "ready" && url !== undefined ? [{ id, url }] : []));
  const balancer = await startBalancer({ host: "127.0.0.1", port, upstreams }).catch(async (error: unknown) => {
    await platform.close();
    throw error;
  });
  platform.watch(() => balancer.refresh());
  announceNodes(platform, asWritable(talk));
  announceFirst(platform, () => announceUrl(platform, app, balancer.url, asWritable(out)));
  const id = `${app}-1`;
  const again = restarter(platform, id);
  const watching = watchSources(folder, (path) => {
    talk.write(`${coloured("gray", `${relative(process.cwd(), path)} was saved`, talk)}\n`);
    again();
  });
  const ended = untilTold(platform);
  // Any that is free: the one that visitors know is the balancer's.
  await platform.start({ app, entry: node, nodes: 1, env: { INTERLOCK_ENTRY: entry, PORT: "0", HOST: "127.0.0.1" } });
  const letGo = takeKeys(talk, {
    h: () => talk.write(keys),
    r: again,
    t: () => talk.write(`${platform.nodes().map(lineOf).join("\n")}\n`),
    q: () => void process.kill(process.pid, "SIGTERM"),
  });
  await ended;
  letGo();
  watching();
  await balancer.close();
}

/** The node ends politely and is started again; what is saved meanwhile is in the new one. */
function restarter(platform: Platform, id: string): () => void {
  let isEnding = false;
  platform.watch((node) => {
    if (!isEnding || node.state !== "stopped" || node.pid !== undefined) return;
    isEnding = false;
    // In a turn of its own: a platform is not asked from its own news.
    nodeRuntime.timers.set(() => void platform.startAgain(id).catch(() => undefined), 0);
  });
  return () => {
    if (isEnding) return;
    const [node] = platform.nodes();
    if (node === undefined) return;
    isEnding = node.pid !== undefined;
    // One that has failed waits for its next attempt: it need not any more.
    void (isEnding ? platform.stop(id) : platform.startAgain(id)).catch(() => undefined);
  };
}

/** Calls `saved` with one of the files that have changed, once they have settled. @returns what ends it. */
function watchSources(folder: string, saved: (path: string) => void): () => void {
  const { timers } = nodeRuntime;
  let settling: unknown;
  const watcher = watch(folder, { recursive: true }, (_, name) => {
    if (name === null || IGNORED.test(name)) return;
    if (settling !== undefined) timers.clear(settling);
    settling = timers.set(() => {
      settling = undefined;
      saved(resolve(folder, name));
    }, SETTLE_MS);
  });
  // A folder that goes away under it: what runs goes on.
  watcher.on("error", () => watcher.close());
  return () => {
    if (settling !== undefined) timers.clear(settling);
    watcher.close();
  };
}

/** Resolves when all has ended, after a signal. Asked again the platform hurries. */
async function untilTold(platform: Platform): Promise<void> {
  const { promise, resolve: told } = Promise.withResolvers<void>();
  const close = (): void => void platform.close().then(told);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, close);
  await promise;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, close);
}

function takeKeys(talk: TextStream, acts: Readonly<Record<string, () => void>>): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  talk.write(`${coloured("gray", "h for help", talk)}\n`);
  const pressed = (data: Buffer): void => {
    const key = data.toString("utf8");
    // Raw: the terminal makes no signal of Ctrl-C.
    if (key === "\u0003") process.kill(process.pid, "SIGINT");
    else acts[key]?.();
  };
  stdin.setRawMode(true).on("data", pressed);
  return () => {
    stdin.off("data", pressed).setRawMode(false);
    stdin.pause();
  };
}

function announceFirst(platform: Platform, announce: () => void): void {
  const end = platform.watch(({ state }) => {
    if (state !== "ready") return;
    end();
    announce();
  });
}

function lineOf({ id, pid, reason, restarts, state, url }: PlatformNode): string {
  const more = [url, pid === undefined ? undefined : `pid ${pid}`, `${restarts} restarts`, reason];
  return [id, state, ...more.filter((one) => one !== undefined)].join("  ");
}

/** Of a folder: what a node may be called. */
function nameFor(folder: string): string {
  const name = folder.replaceAll(/[^A-Za-z0-9-]/g, "-").replace(/^[^A-Za-z]+/, "");
  return name === "" ? "app" : name;
}

function asWritable(stream: TextStream): Writable {
  if (stream instanceof Writable) return stream;
  return new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      stream.write(String(chunk));
      done();
    },
  });
}
