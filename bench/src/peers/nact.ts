import { dispatch, query, type Ref, spawn, start } from "nact";
import { measurePeer } from "./peer.ts";

type Message = { readonly type: "increment" } | { readonly type: "get"; readonly from: Ref<number> };

const system = start();
const increment: Message = { type: "increment" };
let actors = 0;

function counter(): Ref<Message> {
  return spawn(
    system,
    (count: number, message: Message) => {
      if (message.type === "increment") return count + 1;
      dispatch(message.from, count + 1);
      return count + 1;
    },
    // Its own names are random 32-bit numbers, which collide among many actors.
    `counter-${actors++}`,
    { initialState: 0 },
  );
}

function call(actor: Ref<Message>): Promise<number> {
  return query(actor, (from: Ref<number>): Message => ({ type: "get", from }), 5_000);
}

async function callTimes(actor: Ref<Message>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await call(actor);
}

await measurePeer({
  name: "nact",
  population: 100_000,
  async casts(count, burst) {
    const actor = counter();
    for (let sent = 0; sent < count; sent += burst) {
      for (let index = 0; index < burst; index++) dispatch(actor, increment);
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
