import { atom, type Tuple, tuple } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { ErlangError, reasonFromTerm, reasonToTerm } from "./exit-terms.ts";

const stack = [tuple(atom("lists"), atom("map"), 2, [])];

function shown(reason: unknown): string {
  const { error } = reasonFromTerm(tuple(reason, stack)) as { readonly error: Error };
  expect(error).toBeInstanceOf(ErlangError);
  return error.message;
}

describe("exit reasons as terms", () => {
  test("OTP's own are atoms there and strings here, also within a shutdown", () => {
    for (const reason of ["normal", "shutdown", "kill", "killed", "noproc", "noconnection", "timeout", "nodedown"]) {
      expect(reasonToTerm(reason, false)).toBe(atom(reason));
      expect(reasonFromTerm(atom(reason))).toBe(reason);
    }
    expect(reasonToTerm({ shutdown: "normal" }, false)).toEqual(tuple(atom("shutdown"), atom("normal")));
    expect(reasonFromTerm(tuple(atom("shutdown"), tuple(1, 2)))).toEqual({ shutdown: tuple(1, 2) });
    expect(reasonToTerm("bye", false)).toBe("bye");
    expect(reasonFromTerm(atom("bye"))).toBe(atom("bye"));
  });

  test("an error has its code and its stack, and one of Erlang goes back as the term that it was", () => {
    const [reason, frames] = (reasonToTerm({ error: new RangeError("why") }, false) as Tuple).elements;
    expect(reason).toEqual(tuple(atom("error"), "RangeError", "why"));
    expect(frames).not.toHaveLength(0);
    const term = tuple(tuple(atom("badmatch"), 1), stack);
    expect(reasonToTerm(reasonFromTerm(term), false)).toBe(term);
    expect(shown(tuple(atom("badmatch"), [1, "x", atom("y")]))).toBe('{badmatch,[1,"x",y]}');
  });

  test("the message of a large one is short", () => {
    expect(shown(new Uint8Array(10_000_000))).toBe("<<10000000 bytes>>");
    expect(shown("x".repeat(10_000_000)).length).toBeLessThan(300);
    const long = Array.from({ length: 1_000_000 }, () => 7);
    expect(shown([long, long]).length).toBeLessThan(500);
  });
});
