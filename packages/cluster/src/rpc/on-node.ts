/** Calling functions of another node, by Erlang's erpc. @see erpc(3) */
import { type ExitReason, InterlockError, type NodeName, ProcessExit } from "@interlock/core";
import { callerOf, type Reference, rejectFor } from "@interlock/core/distribution";
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

export function callRemote(
  to: NodeName,
  module: string,
  operation: string,
  args: readonly unknown[],
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: OnNodeOptions,
): Promise<unknown> {
  const { node, pid } = callerOf();
  const target = `${module}:${operation}/${args.length} on ${to}`;
  return new Promise((resolve, reject) => {
    let isOver = false;
    let forget: () => void = () => undefined;
    const over = (outcome: Outcome): void => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      signal?.removeEventListener("abort", aborted);
      forget();
      // A rejection that nobody awaits is the caller's, not the socket's.
      if ("error" in outcome) rejectFor(pid.process, reject, outcome.error);
      else resolve(outcome.value);
    };
    const aborted = (): void => over({ error: abortedCall(target, operation, signal?.reason) });
    const limit = node.after(timeoutMs, () => over({ error: timedOut(target, operation, timeoutMs) }));
    signal?.addEventListener("abort", aborted, { once: true });
    if (signal?.aborted === true) return aborted();
    if (to === node.name) return void callHere(target, module, operation, args).then(over);
    const peer = node.network?.routeTo(to) as Peer | undefined;
    const start = (): void => {
      const what = {
        module: atom("erpc"),
        function: atom("execute_call"),
        args: (ref: Reference) => [ref, atom(module), atom(operation), args],
      };
      const waiter = {
        refused: (why: string) => over({ error: remoteError(target, "not_started", why) }),
        ended: (reason: ExitReason) => over(outcomeOf(target, reason)),
      };
      try {
        forget = (peer as Peer).startThere(pid, what, waiter);
      } catch (error) {
        over({ error: error as Error }); // What it is called with has no external form.
      }
    };
    void (peer?.opened() ?? Promise.resolve(false)).then((isOpen) => {
      if (!isOpen) over({ error: noConnection(target) });
      else if (!isOver) start();
    });
  });
}

/** The node's own functions run where they are. */
async function callHere(target: string, module: string, operation: string, args: readonly unknown[]): Promise<Outcome> {
  const called = offeredFunction(offeredModule(module), operation);
  if (called === undefined) return { error: remoteError(target, "error", "undef") };
  try {
    return { value: await called(...args) };
  } catch (error) {
    if (error instanceof ProcessExit) return { error: remoteError(target, "exit", error.reason) };
    return { error: remoteError(target, error instanceof Error ? "error" : "throw", error) };
  }
}

function timedOut(target: string, request: string, timeoutMs: number): InterlockError<"INTERLOCK_CALL_TIMEOUT"> {
  const text = `${target} had no answer within ${timeoutMs} ms`;
  return new InterlockError("INTERLOCK_CALL_TIMEOUT", text, { target, request, timeoutMs });
}

function abortedCall(target: string, request: string, cause: unknown): InterlockError<"INTERLOCK_ABORTED"> {
  return new InterlockError("INTERLOCK_ABORTED", `The call of ${target} was aborted`, { target, request }, { cause });
}

function noConnection(target: string): InterlockError<"INTERLOCK_NOCONNECTION"> {
  const text = `Cannot call ${target}: there is no connection`;
  return new InterlockError("INTERLOCK_NOCONNECTION", text, { target });
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
