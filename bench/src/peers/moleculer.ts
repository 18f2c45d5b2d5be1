/** Services, not an actor for each thing, and no mailbox: a cast is an event, a call an action, a start `createService`. */

import { ServiceBroker } from "moleculer";
import { measurePeer } from "./peer.ts";

const broker = new ServiceBroker({ logger: false });
await broker.start();
let services = 0;

function create(): { readonly name: string; readonly service: unknown } {
  const name = `counter-${services++}`;
  let count = 0;
  const service = broker.createService({
    name,
    actions: { increment: () => ++count },
    events: { [`${name}.increment`]: () => void ++count },
  });
  return { name, service };
}

async function counter(): Promise<string> {
  const { name } = create();
  await broker.waitForServices(name, undefined, 1);
  return name;
}

async function callTimes(name: string, count: number): Promise<void> {
  const action = `${name}.increment`;
  for (let index = 0; index < count; index++) await broker.call(action);
}

await measurePeer({
  name: "moleculer",
  population: 2_000,
  async casts(count, burst) {
    const name = await counter();
    for (let sent = 0; sent < count; sent += burst) {
      for (let index = 0; index < burst; index++) void broker.emit(`${name}.increment`);
      await broker.call(`${name}.increment`);
    }
  },
  calls: async (count) => callTimes(await counter(), count),
  async concurrentCalls(count, callers) {
    const name = await counter();
    await Promise.all(Array.from({ length: callers }, () => callTimes(name, count / callers)));
  },
  async start(count) {
    const started = Array.from({ length: count }, create);
    await broker.waitForServices(
      started.map(({ name }) => name),
      undefined,
      1,
    );
    return started;
  },
});
