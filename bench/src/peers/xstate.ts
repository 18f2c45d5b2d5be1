/** No mailbox and no call of its own: `send` runs the transition at once, and a call is a resolver inside the event. */

import { type ActorRefFrom, createActor, fromTransition } from "xstate";
import { measurePeer } from "./peer.ts";

type Event = { readonly type: "increment" } | { readonly type: "get"; readonly resolve: (count: number) => void };

const increment: Event = { type: "increment" };
const logic = fromTransition((count: number, event: Event) => {
  if (event.type === "get") event.resolve(count + 1);
  return count + 1;
}, 0);

type Counter = ActorRefFrom<typeof logic>;

function counter(): Counter {
  return createActor(logic).start();
}

function call(actor: Counter): Promise<number> {
  return new Promise((resolve) => actor.send({ type: "get", resolve }));
}

async function callTimes(actor: Counter, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await call(actor);
}

await measurePeer({
  name: "xstate",
  population: 100_000,
  async casts(count, burst) {
    const actor = counter();
    for (let sent = 0; sent < count; sent += burst) {
      for (let index = 0; index < burst; index++) actor.send(increment);
      await call(actor);
    }
  },
  calls: (count) => callTimes(counter(), count),
  async concurrentCalls(count, callers) {
    const actor = counter();
    await Promise.all(Array.from({ length: callers }, () => callTimes(actor, count / callers)));
  },
  start: async (count) => Array.from({ length: count }, counter),
});
