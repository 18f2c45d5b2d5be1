/** In-memory actors: no mailbox, a message is a method call whose handlers may interleave. */

import { type Actor, type ActorRef, createSystem } from "comedy";
import { measurePeer } from "./peer.ts";

const silent = { isDebug: () => false, debug() {}, info() {}, warn() {}, error() {} };
const system = createSystem({ log: silent });
const root: Actor = await system.rootActor();

function counter(): Promise<ActorRef> {
  let count = 0;
  return root.createChild({ increment: () => ++count });
}

async function callTimes(actor: ActorRef, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await actor.sendAndReceive("increment");
}

await measurePeer({
  name: "comedy",
  population: 20_000,
  async casts(count, burst) {
    const actor = await counter();
    for (let sent = 0; sent < count; sent += burst) {
      for (let index = 0; index < burst; index++) void actor.send("increment");
      await actor.sendAndReceive("increment");
    }
  },
  calls: async (count) => callTimes(await counter(), count),
  async concurrentCalls(count, callers) {
    const actor = await counter();
    await Promise.all(Array.from({ length: callers }, () => callTimes(actor, count / callers)));
  },
  async start(count) {
    const actors: ActorRef[] = [];
    for (let index = 0; index < count; index++) actors.push(await counter());
    return actors;
  },
});
