import { LocalNode } from "@interlock/core";
import { expect, test } from "vitest";
import { departure, Halt, suspension, type Work } from "./halt.ts";

/** Work that ends when it is let. */
class Shift implements Work {
  readonly told: string[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly end = this.#ended.resolve;

  halt(): Promise<void> {
    this.told.push("halt");
    return this.#ended.promise;
  }

  goOn(): void {
    this.told.push("goOn");
  }
}

test("a node is halted at once, and that is over when all its work has ended", async () => {
  const halt = new Halt();
  const [here, there] = [new LocalNode(), new LocalNode()];
  const [one, two, other] = [new Shift(), new Shift(), new Shift()];
  for (const work of [one, two]) halt.enter(here, work);
  halt.enter(there, other);
  let isOver = false;
  const halted = halt.halt(here).then(() => {
    isOver = true;
  });
  expect([halt.isHalted(here), halt.isHalted(there)]).toEqual([true, false]);
  one.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  two.end();
  await halted;
  halt.goOn(here);
  expect(halt.isHalted(here)).toBe(false);
  expect([one.told, two.told, other.told]).toEqual([["halt", "goOn"], ["halt", "goOn"], []]);
});

test("who has left its work is told nothing more, and nobody waits for it", async () => {
  const halt = new Halt();
  const here = new LocalNode();
  const work = new Shift();
  const leave = halt.enter(here, work);
  leave();
  await halt.halt(here);
  halt.goOn(here);
  expect(work.told).toEqual([]);
});

test("a node that has left its network is not suspended, and the other way round", async () => {
  const here = new LocalNode();
  await departure.halt(here);
  expect(suspension.isHalted(here)).toBe(false);
  departure.goOn(here);
  await suspension.halt(here);
  expect([departure.isHalted(here), suspension.isHalted(here)]).toEqual([false, true]);
});
