/**
 * cast_tput of `bb_local.erl`. BEAM takes the sender off after some 1 000 casts, so the mailbox there stays short; here a
 * synchronous loop runs to its end, so the sender makes a call after every 1 000 casts. `…_burst` leaves that out.
 */

import { runPrograms } from "../figure.ts";
import { type CastsDone, Counter } from "./counter.ts";
import { rate } from "./measured.ts";

const COUNT = 1_000_000;

function program(name: string, burst: number): () => Promise<void> {
  return () =>
    rate<CastsDone>(name, COUNT, async (self) => {
      const server = await Counter.start();
      for (let sent = 0; sent < COUNT; sent += burst) {
        for (let index = 0; index < burst; index++) server.cast.increment();
        await server.call.get();
      }
      server.cast.tell(self.pid);
      const done = await self.receive({ type: "casts_done" });
      if (done.count !== COUNT) throw new Error(`${done.count} casts arrived of ${COUNT}`);
      await server.call.stop();
    });
}

await runPrograms({
  gen_server_cast: program("gen_server_cast", 1_000),
  gen_server_cast_burst: program("gen_server_cast_burst", COUNT),
});
