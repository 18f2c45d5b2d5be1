import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyOutbox, next, type Outbox, put, said, unsaid } from "./outbox.ts";
import type { Words } from "./room.ts";

const words = (id: number): Words => ({ id: String(id), from: "Ada", text: `word ${id}`, at: id });

test("whatever fails on the way, what a visitor says is said in order, one at a time, and nothing is left out", () => {
  const steps = fc.array(fc.constantFrom("speak", "post", "arrives", "fails"), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (sequence) => {
      let outbox: Outbox = emptyOutbox;
      let spoken = 0;
      const tried: number[] = [];
      const arrived: number[] = [];
      let under = false;
      for (const step of sequence) {
        if (step === "speak") {
          const more = put(outbox, words(spoken));
          if (more === undefined) continue;
          outbox = more;
          spoken++;
        } else if (step === "post") {
          const due = next(outbox);
          expect(due.words === undefined || !under).toBe(true);
          outbox = due.outbox;
          if (due.words === undefined) continue;
          under = true;
          tried.push(Number(due.words.id));
        } else if (under) {
          under = false;
          if (step === "arrives") arrived.push(tried.at(-1) ?? -1);
          outbox = step === "arrives" ? said(outbox) : unsaid(outbox);
        }
      }
      expect(arrived).toEqual(Array.from(arrived, (_, index) => index));
      expect(outbox.waiting.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: spoken - arrived.length }, (_, index) => arrived.length + index),
      );
    }),
  );
});

test("a visitor who goes on talking while the room is away is told, and nothing of before is lost", () => {
  let outbox: Outbox = emptyOutbox;
  let count = 0;
  for (let more = put(outbox, words(0)); more !== undefined; more = put(outbox, words(count))) {
    outbox = more;
    count++;
  }
  expect(count).toBeGreaterThan(10);
  expect(outbox.waiting).toHaveLength(count);
});
