/**
 * `interlock remote`: a prompt beside a node. What is typed runs here; of the node it gets the answers that the other commands
 * get, and with `--write` those of its servers.
 */
import { type REPLEval, Recoverable, start } from "node:repl";
import { PassThrough, type Readable, Writable } from "node:stream";
import { inspect } from "node:util";
import { type AnyGenServer, type Name, refTo, remote as remoteName } from "@interlock/core";
import { CliError } from "../errors.ts";
import { besideThem, clientOf } from "../reach/asking.ts";
import { findNodes, nodeNamed, type ReachOptions } from "../reach/find.ts";
import { coloured, signs } from "../ui/colour.ts";
import { isCoded, renderError } from "../ui/error.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { drawnFailures } from "./crashes.ts";
import { evaluate, isUnfinished } from "./evaluate.ts";
import { drawnRows, orderOf } from "./ps.ts";
import { drawnTrees } from "./tree.ts";

export interface RemoteOptions extends ReachOptions {
  /** Whether servers of the node may be called. */
  readonly write?: boolean;
  /** Default: this program's. */
  readonly input?: Readable;
}

const ROWS = 50;

/** Ends with its input. **Errors** `INTERLOCK_NO_SUCH_NODE`, `INTERLOCK_CONNECT`, those of `findNodes`. */
export async function remote(wanted: string, options: RemoteOptions, terminal: Terminal): Promise<void> {
  const { out, talk } = terminal;
  const reach = await findNodes(options, terminal);
  await besideThem(reach, async (node) => {
    const { id, name } = nodeNamed(reach, wanted);
    await node.connect(name);
    const client = clientOf(name);
    /** Values of which people see something better than their fields. */
    const drawn = new WeakMap<object, string>();
    const shown = <T extends object>(value: T, text: string): T => {
      drawn.set(value, text);
      return value;
    };
    const server = (of: string): Called => refTo<AnyGenServer>(remoteName(of, name) as Name) as unknown as Called;
    const allowed = (operation: string): void => {
      if (options.write === true) return;
      throw new CliError("INTERLOCK_READ_ONLY", `This prompt only reads: ${operation}() may change things`, {
        operation,
      });
    };
    const functions = {
      facts: () => client.facts(),
      ps: async (order = "reductions", limit = ROWS) => {
        const value = await client.ps(orderOf(order), limit);
        return shown(value.rows, drawnRows([{ id, value }], out));
      },
      tree: async () => {
        const value = await client.tree();
        return shown(value, drawnTrees(value, out));
      },
      crashes: async () => {
        const value = await client.crashes();
        return shown(
          value,
          drawnFailures(
            value.map((failure) => ({ id, failure })),
            true,
            out,
          ),
        );
      },
      nodes: async () => (await client.facts()).connected.filter((one) => one !== node.name),
      call: async (of: string, method: string, ...args: readonly unknown[]) => {
        allowed("call");
        return server(of).call[method]?.(...args);
      },
      cast: async (of: string, method: string, ...args: readonly unknown[]) => {
        allowed("cast");
        server(of).cast[method]?.(...args);
      },
    };
    talk.write(
      `${coloured("gray", `${name}, of ${reach.where}. ${Object.keys(functions).join("(), ")}(); .exit ends it`, talk)}\n`,
    );
    await prompt(`${id}> `, functions, (value) => drawnOr(drawn, value, out), options.input, terminal);
  });
}

interface Called {
  readonly call: Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;
  readonly cast: Readonly<Record<string, (...args: readonly unknown[]) => void>>;
}

function drawnOr(drawn: WeakMap<object, string>, value: unknown, out: TextStream): string {
  const text = typeof value === "object" && value !== null ? drawn.get(value) : undefined;
  return text?.trimEnd() ?? inspect(value, { colors: out.isTTY === true, depth: 4 });
}

/** Resolves when it is left. Promises are waited for; an error is shown as everywhere else. */
function prompt(
  text: string,
  functions: Readonly<Record<string, unknown>>,
  writer: (value: unknown) => string,
  given: Readable | undefined,
  { out, talk }: Terminal,
): Promise<void> {
  const isTerminal = given === undefined && process.stdin.isTTY === true && out.isTTY === true;
  // One after the other: what is piped in comes all at once.
  let last = Promise.resolve();
  const evaluated: REPLEval = (code, context, _file, done) => {
    if (isUnfinished(code)) return done(new Recoverable(new SyntaxError("it is not finished")), undefined);
    last = last
      .then(() => evaluate(code, context))
      .then(
        (value) => done(null, value),
        (error: unknown) => {
          talk.write(isCoded(error) ? renderError(error, talk) : `${signs.bad(talk)} ${String(error)}\n`);
          done(null, undefined);
        },
      );
  };
  const server = start({
    prompt: isTerminal ? text : "",
    input: given ?? process.stdin,
    output: isTerminal ? process.stdout : writing(out),
    terminal: isTerminal,
    writer,
    ignoreUndefined: true,
    eval: evaluated,
  });
  Object.assign(server.context, functions);
  return new Promise((resolve) => void server.once("exit", () => resolve(last)));
}

function writing(out: TextStream): Writable {
  if (out instanceof Writable) return out;
  const stream = new PassThrough();
  stream.on("data", (bytes: Buffer) => out.write(bytes.toString("utf8")));
  return stream;
}
