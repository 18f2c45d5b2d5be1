/** An actor as Effect's users write it: a forked fiber that loops over a Queue; a call carries a Deferred. All inside one program. */

import { Deferred, Effect, Fiber, Queue } from "effect";
import { measurePeer } from "./peer.ts";

type Message = Deferred.Deferred<number> | undefined;

const counter = Effect.gen(function* () {
  const mailbox = yield* Queue.unbounded<Message>();
  yield* Effect.forkDetach(
    Effect.gen(function* () {
      for (let count = 1; ; count++) {
        const reply = yield* Queue.take(mailbox);
        if (reply !== undefined) Deferred.doneUnsafe(reply, Effect.succeed(count));
      }
    }),
  );
  return mailbox;
});

function call(mailbox: Queue.Queue<Message>): Effect.Effect<number> {
  return Effect.suspend(() => {
    const reply = Deferred.makeUnsafe<number>();
    Queue.offerUnsafe(mailbox, reply);
    return Deferred.await(reply);
  });
}

const callTimes = (mailbox: Queue.Queue<Message>, count: number) =>
  Effect.gen(function* () {
    for (let index = 0; index < count; index++) yield* call(mailbox);
  });

await measurePeer({
  name: "effect",
  population: 100_000,
  casts: (count, burst) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const mailbox = yield* counter;
        for (let sent = 0; sent < count; sent += burst) {
          for (let index = 0; index < burst; index++) Queue.offerUnsafe(mailbox, undefined);
          yield* call(mailbox);
        }
      }),
    ),
  calls: (count) => Effect.runPromise(Effect.flatMap(counter, (mailbox) => callTimes(mailbox, count))),
  concurrentCalls: (count, callers) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const mailbox = yield* counter;
        const fibers = [];
        for (let caller = 0; caller < callers; caller++)
          fibers.push(yield* Effect.forkChild(callTimes(mailbox, count / callers)));
        for (const fiber of fibers) yield* Fiber.join(fiber);
      }),
    ),
  start: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const mailboxes = [];
        for (let index = 0; index < count; index++) mailboxes.push(yield* counter);
        return mailboxes;
      }),
    ),
});
