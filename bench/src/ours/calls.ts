/** call_seq and call_conc of `bb_local.erl`. */

import { type Pid, send, spawnLink } from "@interlock/core";
import { runPrograms } from "../figure.ts";
import { Counter, type CounterRef } from "./counter.ts";
import { rate } from "./measured.ts";

interface Done {
  readonly type: "done";
}

async function callTimes(count: number, server: CounterRef): Promise<void> {
  for (let index = 0; index < count; index++) await server.call.increment();
}

await runPrograms({
  gen_server_call_seq: () =>
    rate("gen_server_call_seq", 300_000, async () => {
      const server = await Counter.start();
      await callTimes(300_000, server);
      await server.call.stop();
    }),

  gen_server_call_seq_await: () =>
    rate("gen_server_call_seq_await", 300_000, async () => {
      const server = await Counter.start();
      for (let index = 0; index < 300_000; index++) await server.call.incrementLater();
      await server.call.stop();
    }),

  gen_server_call_100_callers_one_server: () =>
    rate<Done>("gen_server_call_100_callers_one_server", 1_000_000, async (self) => {
      const server = await Counter.start();
      const parent: Pid<Done> = self.pid;
      for (let caller = 0; caller < 100; caller++) {
        spawnLink(async () => {
          await callTimes(10_000, server);
          send(parent, { type: "done" });
        });
      }
      for (let caller = 0; caller < 100; caller++) await self.receive({ type: "done" });
      await server.call.stop();
    }),
});
