/** Calling functions of another node, by Erlang's erpc. @see erpc(3) */
import { type ExitReason, InterlockError, type LocalNode, type NodeName } from "@interlock/core";
import { callerOf, type Reference } from "@interlock/core/distribution";
import { atom, Tuple } from "@interlock/wire";
import { ClusterError } from "../errors.ts";
import { ErlangError, reasonFromTerm } from "../node/exit-terms.ts";
import type { Peer } from "../node/peer.ts";
import { offeredFunction, offeredModule, type RemoteFunctions } from "./remote-functions.ts";

export interface OnNodeOptions {
  /** Milliseconds; default 5 000. */
  readonly timeoutMs?: number;
  /** Ends the wait, not the work. */
  readonly signal?: AbortSignal;
}

/** The functions as their caller has them: each gives a promise. */
export type RemoteClient<F> = {
  readonly [K in keyof F]: F[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * The functions of `functions` as they run on `node`. An Erlang node's are declared by their type alone:
 * `onNode<{ node(): Atom }>(name, { name: "erlang" })`.
 *
 * **Errors** of each: `INTERLOCK_REMOTE_CALL` (what it threw is the cause), `INTERLOCK_NOCONNECTION`, `INTERLOCK_CALL_TIMEOUT`,
 * `INTERLOCK_ABORTED`.
 */
// biome-ignore lint/suspicious/noExplicitAny: each function declares its own arguments
export function onNode<F extends Readonly<Record<string, (...args: any[]) => unknown>>>(
  node: NodeName,
  functions: RemoteFunctions<F> | { readonly name: string },
  options: OnNodeOptions = {},
): RemoteClient<F> {
  const call = (operation: string, args: readonly unknown[]): Promise<unknown> =>
    callRemote(node, functions.name, operation, args, options);
  return new Proxy(Object.create(null) as RemoteClient<F>, {
    // A promise check must not become a call.
    get: (_target, operation) =>
      typeof operation === "string" && operation !== "then"
        ? (...args: readonly unknown[]) => call(operation, args)
        : undefined,
  });
}

export async function callRemote(
  to: NodeName,
  module: string,
  operation: string,
  args: readonly unknown[],
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: OnNodeOptions,
): Promise<unknown> {
  const { node, pid } = callerOf();
  const target = `${module}:${operation}/${args.length} on ${to}`;
  if (to === node.name) return callHere(node, module, operation, args);
  const peer = node.network?.routeTo(to) as Peer | undefined;
  if (peer === undefined || !(await peer.opened()))
    throw new InterlockError("INTERLOCK_NOCONNECTION", `Cannot call ${target}: there is no connection`, { target });
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const over = (): void => {
      limit.cancel();
      signal?.removeEventListener("abort", aborted);
      forget();
    };
    const failed = (error: Error): void => {
      over();
      reject(error);
    };
    const aborted = (): void =>
      failed(
        new InterlockError(
          "INTERLOCK_ABORTED",
          `The call of ${target} was aborted`,
          { target, request: operation },
          { cause: signal?.reason },
        ),
      );
    const limit = node.after(timeoutMs, () =>
      failed(
        new InterlockError("INTERLOCK_CALL_TIMEOUT", `${target} had no answer within ${timeoutMs} ms`, {
          target,
          request: operation,
          timeoutMs,
        }),
      ),
    );
    signal?.addEventListener("abort", aborted, { once: true });
    let forget: () => void = () => undefined;
    try {
      forget = peer.startThere(
        pid,
        {
          module: atom("erpc"),
          function: atom("execute_call"),
          args: (ref: Reference) => [ref, atom(module), atom(operation), args],
        },
        {
          refused: (why) => failed(remoteError(target, "not_started", why)),
          ended: (reason) => {
            const outcome = outcomeOf(target, reason);
            if ("error" in outcome) return failed(outcome.error);
            over();
            resolve(outcome.value);
          },
        },
      );
    } catch (error) {
      failed(error as Error);
    }
  });
}

/** The node's own functions run where they are. */
async function callHere(
  node: LocalNode,
  module: string,
  operation: string,
  args: readonly unknown[],
): Promise<unknown> {
  const called = offeredFunction(offeredModule(module), operation);
  if (called === undefined)
    throw remoteError(`${module}:${operation}/${args.length} on ${node.name}`, "error", "undef");
  return called(...args);
}

type Outcome = { readonly value: unknown } | { readonly error: Error };

/** `{Ref, return | throw | exit | error, …}`: what the process that ran it ended with. */
function outcomeOf(target: string, reason: ExitReason): Outcome {
  if (reason === "noconnection")
    return {
      error: new InterlockError("INTERLOCK_NOCONNECTION", `${target}: the connection ended`, { target }),
    };
  const [, kind, value, stack] = (reason as unknown) instanceof Tuple ? (reason as unknown as Tuple).elements : [];
  switch (kind) {
    case atom("return"):
      return { value };
    case atom("throw"):
      return { error: remoteError(target, "throw", value) };
    case atom("exit"):
      return { error: remoteError(target, "exit", reasonFromTerm(value)) };
    case atom("error"):
      return { error: remoteError(target, "error", value instanceof Error ? value : causeOf(value, stack)) };
    default:
      return { error: remoteError(target, "exit", reason) };
  }
}

function causeOf(value: unknown, stack: unknown): Error {
  return new ErlangError(new Tuple([value, stack]), String(value));
}

function remoteError(target: string, kind: "error" | "exit" | "throw" | "not_started", reason: unknown): ClusterError {
  const text = reason instanceof Error ? reason.message : String(reason);
  return new ClusterError(
    "INTERLOCK_REMOTE_CALL",
    `${target} failed: ${kind === "error" ? "" : `${kind} `}${text}`,
    { target, kind, reason },
    { cause: reason },
  );
}
