import fc from "fast-check";
import { expect, test } from "vitest";

import { defaultNode } from "../node.ts";
import { processInfo } from "./info.ts";
import { Envelope, MESSAGE, SIGNAL } from "./mailbox.ts";
import { anyMessage, anyOf, type Matcher, type Selection, selectionOf, when } from "./matcher.ts";
import type { Self } from "./self.ts";
import { send } from "./send.ts";
import { accepts, SkippedMessages } from "./skipped.ts";
import { spawn } from "./spawn.ts";

defaultNode().onReport = () => undefined;

type Message = { readonly type: string; readonly n: number } | string | number | null;

const types = ["a", "b", "c", "EXIT"] as const;
const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom(...types), n: fc.nat({ max: 3 }) }) },
  fc.constantFrom("a", "plain", 7, null),
);
/** A message of a user, or a signal: an EXIT, or the DOWN of one of three monitors. */
const refs = [{}, {}, {}] as const;
const envelope = fc.oneof(
  { weight: 4, arbitrary: message.map((payload) => new Envelope(MESSAGE, payload, undefined)) },
  fc.nat({ max: 3 }).map((n) => new Envelope(SIGNAL, { type: "EXIT", n }, undefined)),
  fc.constantFrom(...refs).map((ref) => new Envelope(SIGNAL, { type: "DOWN", ref }, undefined)),
);

const nOf = (payload: unknown): unknown => (payload as { readonly n?: unknown } | null)?.n;
/** What `receive` may be given, each with what it means, said once more and plainly. */
const patterns: readonly {
  readonly pattern: unknown;
  readonly fits: (payload: unknown, signal: boolean) => boolean;
}[] = [
  ...types.map((type) => ({
    pattern: { type },
    fits: (payload: unknown, signal: boolean) => !signal && (payload as { type?: unknown } | null)?.type === type,
  })),
  { pattern: { type: "a", n: 2 }, fits: (payload, signal) => !signal && typeOf(payload) === "a" && nOf(payload) === 2 },
  {
    pattern: { n: 1 },
    fits: (payload, signal) => !signal && typeof payload === "object" && payload !== null && nOf(payload) === 1,
  },
  {
    pattern: when({ type: "b" }, ({ n }: { readonly type: "b"; readonly n: number }) => n > 1),
    fits: (payload, signal) => !signal && typeOf(payload) === "b" && (nOf(payload) as number) > 1,
  },
  {
    pattern: { matches: (payload: unknown) => nOf(payload) === 3 },
    fits: (payload) => nOf(payload) === 3,
  },
  {
    pattern: anyOf(
      selectionOf({ type: "c" }) as Selection & Matcher<unknown>,
      selectionOf(7) as Selection & Matcher<unknown>,
    ),
    fits: (payload, signal) => !signal && (typeOf(payload) === "c" || payload === 7),
  },
  { pattern: undefined, fits: (_payload, signal) => !signal },
];

function typeOf(payload: unknown): unknown {
  return typeof payload === "object" && payload !== null ? (payload as { readonly type?: unknown }).type : undefined;
}

function selectionFor(pattern: unknown): Selection | undefined {
  return pattern === undefined ? undefined : selectionOf(pattern);
}

test("the index of skipped messages gives what a walk through a list gives", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(envelope, fc.constantFrom(...patterns)), { maxLength: 80 }), (steps) => {
      const skipped = new SkippedMessages();
      const list: Envelope[] = [];
      for (const step of steps) {
        if (step instanceof Envelope) {
          const copy = new Envelope(step.kind, step.payload, undefined);
          skipped.add(copy);
          list.push(copy);
          continue;
        }
        const at = list.findIndex(({ kind, payload }) => step.fits(payload, kind >= SIGNAL));
        const expected = at === -1 ? undefined : list.splice(at, 1)[0];
        expect(skipped.take(selectionFor(step.pattern))).toBe(expected);
        expect(skipped.length).toBe(list.length);
        expect([...skipped]).toEqual(list);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a pattern takes exactly what it says", () => {
  fc.assert(
    fc.property(envelope, fc.constantFrom(...patterns), (one, { fits, pattern }) => {
      expect(accepts(selectionFor(pattern), one)).toBe(fits(one.payload, one.kind >= SIGNAL));
    }),
    { numRuns: 1_000 },
  );
});

const step = fc.oneof(
  { weight: 3, arbitrary: message.map((payload) => ({ do: "send" as const, payload })) },
  fc.constantFrom(...patterns).map((what) => ({ do: "look" as const, what })),
  fc.record({
    do: fc.constant("wait" as const),
    what: fc.constantFrom(...patterns),
    meanwhile: fc.array(message, { maxLength: 4 }),
  }),
);
/** For each pattern a message that it takes. */
const fitting: readonly Message[] = [
  ...types.map((type) => ({ type, n: 3 })),
  { type: "a", n: 2 },
  { type: "c", n: 1 },
  { type: "b", n: 3 },
  7,
];

test("a process receives what a walk through its mailbox would find, whether it is there already or still to come", () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const list: Message[] = [];
      /** The oldest that fits, if there is one. */
      const take = ({ fits }: (typeof patterns)[number]): Message[] => {
        const at = list.findIndex((payload) => fits(payload, false));
        return at === -1 ? [] : list.splice(at, 1);
      };
      const arrive = (self: Self<Message>, payload: Message): void => {
        list.push(payload);
        send(self.pid, payload);
      };
      await run(async (self) => {
        const receive = (pattern: unknown, options?: object) =>
          self.receive((pattern ?? anyMessage) as never, options as never);
        for (const one of steps) {
          if (one.do === "send") arrive(self, one.payload);
          else if (one.do === "look") expect(await receive(one.what.pattern, { timeoutMs: 0 })).toBe(take(one.what)[0]);
          else {
            const received = receive(one.what.pattern);
            const taken = take(one.what);
            for (const payload of taken.length > 0 ? one.meanwhile : [...one.meanwhile, ...fitting]) {
              arrive(self, payload);
              if (taken.length === 0) taken.push(...take(one.what));
            }
            expect([await received]).toEqual(taken);
          }
          expect(processInfo(self.pid)?.messages).toEqual(list);
        }
      });
    }),
    { numRuns: 300 },
  ));

/** Runs `steps` as a process: what they throw is the test's failure. */
function run(steps: (self: Self<Message>) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn<Message>((self) => steps(self).then(resolve, reject));
  });
}
