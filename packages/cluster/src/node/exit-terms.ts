/**
 * Exit reasons as Erlang's terms. OTP's own reasons are atoms; an error is `{Reason, Stacktrace}` with its code or name as
 * Reason; everything else goes as any value does.
 */
import type { ExitReason } from "@interlock/core";
import { Atom, atom, Tuple, tuple } from "@interlock/wire";

/** The reasons that are atoms in OTP and strings here. */
const otpReasons: ReadonlySet<string> = new Set([
  "normal",
  "shutdown",
  "kill",
  "killed",
  "noproc",
  "noconnection",
  "timeout",
  "nodedown",
]);

/** What an Erlang process ended with, when that was an error: its reason and its stack trace are kept as they came. */
export class ErlangError extends Error {
  readonly term: Tuple;

  constructor(term: Tuple, shown: string) {
    super(shown);
    this.term = term;
  }

  override get name(): string {
    return "ErlangError";
  }
}

/** `rich`: the peer understands errors as they are. */
export function reasonToTerm(reason: ExitReason, rich: boolean): unknown {
  if (typeof reason === "string") return otpReasons.has(reason) ? atom(reason) : reason;
  if (typeof reason !== "object" || reason === null || Array.isArray(reason)) return reason;
  if (Object.getPrototypeOf(reason) !== Object.prototype) return reason;
  const keys = Object.keys(reason);
  if (keys.length !== 1) return reason;
  if ("shutdown" in reason) return tuple(atom("shutdown"), reasonToTerm(reason.shutdown as ExitReason, rich));
  if (rich || !("error" in reason) || !(reason.error instanceof Error)) return reason;
  const { error } = reason;
  if (error instanceof ErlangError) return error.term;
  return tuple(tuple(atom("error"), nameOf(error), error.message), stackOf(error));
}

function nameOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : error.name;
}

/** Frames as Erlang's stack traces hold them: `{Module, Function, Arity, Location}`. */
function stackOf(error: Error): readonly Tuple[] {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return frames.slice(0, MOST_FRAMES).map((line) => {
    const [, name = "anonymous", file = "", row = "0"] =
      /^ {4}at (?:async )?(?:(.*) \()?(.*?)(?::(\d+):\d+)?\)?$/.exec(line) ?? [];
    const location = [
      tuple(
        atom("file"),
        Array.from(file, (character) => character.codePointAt(0)),
      ),
      tuple(atom("line"), Number(row)),
    ];
    return tuple(atom("node_js"), name, 0, location);
  });
}

const MOST_FRAMES = 8;

export function reasonFromTerm(term: unknown): ExitReason {
  if (term instanceof Atom) return otpReasons.has(term.name) ? term.name : (term as never);
  if (!(term instanceof Tuple) || term.elements.length !== 2) return term as ExitReason;
  const [first, second] = term.elements;
  if (first === atom("shutdown")) return { shutdown: reasonFromTerm(second) };
  if (isStack(second)) return { error: new ErlangError(term, format(first)) };
  return term as never;
}

const MOST_SHOWN = 200;

/** As Erlang prints it, roughly: for messages. No more of it is looked at than is shown. */
function format(term: unknown): string {
  let left = MOST_SHOWN;
  const all = (terms: readonly unknown[]): string => {
    const shown = terms.slice(0, Math.max(0, left)).map(one);
    return shown.length < terms.length ? [...shown, "…"].join(",") : shown.join(",");
  };
  const one = (inner: unknown): string => {
    if (left-- <= 0) return "…";
    if (inner instanceof Atom) return inner.name;
    if (inner instanceof Tuple) return `{${all(inner.elements)}}`;
    if (Array.isArray(inner)) return `[${all(inner)}]`;
    if (typeof inner === "string")
      return JSON.stringify(inner.length > MOST_SHOWN ? `${inner.slice(0, MOST_SHOWN)}…` : inner);
    return ArrayBuffer.isView(inner) ? `<<${inner.byteLength} bytes>>` : String(inner);
  };
  return one(term);
}

function isStack(term: unknown): boolean {
  return (
    Array.isArray(term) &&
    term.length > 0 &&
    term.every((frame) => frame instanceof Tuple && frame.elements.length === 4 && Array.isArray(frame.elements[3]))
  );
}
