/** One node as an operating-system process of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { asChildMessage, type ChildMessage, variables } from "./child-protocol.ts";

export interface NodeProcessOptions {
  readonly entry: URL | string;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds that it has for its end once the launcher is gone. */
  readonly graceMs: number;
  /** Milliseconds that its main thread may hang; 0 is for ever. */
  readonly hangMs: number;
  /** Where its lines go. */
  readonly output: (stream: Readable, kind: "stdout" | "stderr") => void;
  readonly said: (message: ChildMessage) => void;
  /** Once: with what ended it, in words. */
  readonly ended: (how: string) => void;
}

export interface NodeProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  signal(signal: "SIGTERM" | "SIGKILL"): void;
}

const LIFELINE_FD = 4;

/** Of the launcher alone: each debugger needs a port, and the code given by --eval is not the node's. */
const OWN_FLAGS = /^--(inspect|watch|test|input-type|heapsnapshot|cpu-prof|heap-prof|env-file)/;
const OWN_FLAGS_WITH_VALUE = new Set(["-e", "--eval", "-p", "--print", "-pe"]);

/** What a node is started with of the arguments that Node.js itself was started with. */
export function inheritedArguments(execArgv: readonly string[]): string[] {
  return execArgv.filter((flag, at) => {
    if (OWN_FLAGS.test(flag) || OWN_FLAGS_WITH_VALUE.has(flag)) return false;
    return !OWN_FLAGS_WITH_VALUE.has(execArgv[at - 1] ?? "");
  });
}

export function startNodeProcess(options: NodeProcessOptions): NodeProcess {
  const child = spawn(
    process.execPath,
    [...inheritedArguments(process.execArgv), "--import", lifelineModule(), entryPath(options.entry)],
    {
      env: {
        ...process.env,
        ...options.env,
        [variables.lifeline]: [LIFELINE_FD, options.graceMs, options.hangMs].join(":"),
      },
      // The channel, and the lifeline.
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
      // A group of its own: Ctrl-C in a terminal is for the launcher, which then tells the nodes, once.
      detached: true,
    },
  );
  for (const kind of ["stdout", "stderr"] as const) {
    const { [kind]: stream } = child;
    if (stream !== null) options.output(stream, kind);
  }
  child.on("message", (value) => {
    const message = asChildMessage(value);
    if (message !== undefined) options.said(message);
  });
  whenEnded(child, options.ended);
  return { pid: child.pid, signal: (signal) => void child.kill(signal) };
}

function whenEnded(child: ChildProcess, ended: (how: string) => void): void {
  let hasEnded = false;
  const end = (how: string): void => {
    if (hasEnded) return;
    hasEnded = true;
    ended(how);
  };
  // "error" is also said of a signal that could not be sent, or of a message: that is no end.
  child.on("error", (error) => {
    if (child.pid === undefined) end(`could not be started: ${error.message}`);
  });
  child.on("exit", (code, signal) => end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));
}

function lifelineModule(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve("@interlock/cli/lifeline")).href;
}

function entryPath(entry: URL | string): string {
  return entry instanceof URL || entry.startsWith("file:") ? fileURLToPath(entry) : entry;
}
