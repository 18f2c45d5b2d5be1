import { defaultNode } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { Gate, type Sent } from "./gate.ts";

const from = defaultNode().nobody;

function told(message: string): Sent {
  return { type: "message", from, message };
}

function called(settled: boolean): Sent {
  return { type: "call", from, operation: "ask", args: [], call: { settled } as never };
}

describe("a gate", () => {
  test("gives what it was given, in order, when it opens, and tells those who wait for that", async () => {
    const gate = new Gate(3);
    const { opened } = gate;
    for (const message of ["one", "two"]) expect(gate.add(told(message))).toBe(true);
    expect(gate.open()).toEqual([told("one"), told("two")]);
    await opened;
  });

  test("takes no more than it has room for; calls that nobody waits for any more make room", () => {
    const gate = new Gate(2);
    expect([gate.add(called(true)), gate.add(told("one"))]).toEqual([true, true]);
    expect(gate.isFull).toBe(true);
    expect(gate.add(told("two"))).toBe(true);
    expect(gate.add(told("three"))).toBe(false);
    expect(gate.open()).toEqual([told("one"), told("two")]);
  });

  test("that is given up says why to those who wait for it to open", async () => {
    const gate = new Gate(2);
    const { opened } = gate;
    gate.add(told("one"));
    expect(gate.giveUp(new Error("no node takes it"))).toEqual([told("one")]);
    await expect(opened).rejects.toThrow("no node takes it");
  });
});
