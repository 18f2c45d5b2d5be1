/** Servers that the tests of failures start on a node in a program of its own, under the names of their modules. */
import { genServer, reply } from "@interlock/core";

export const Echo = genServer({ name: "echo", init: () => 0, calls: { echo: (_ctx, value: string) => reply(value) } });

export const Where = genServer({ name: "where", init: () => 0, calls: { pid: ({ self }) => reply(self.pid) } });

export const Hang = genServer({
  name: "hang",
  init: () => 0,
  calls: { hang: () => new Promise<ReturnType<typeof reply<number>>>(() => undefined) },
});
