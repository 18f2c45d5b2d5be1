/** cast_tput of `bb_local.erl`: the sender never waits, the receiver keeps up with it on the sender's time. */

import { runPrograms } from "../figure.ts";
import { type CastsDone, Counter } from "./counter.ts";
import { rate } from "./measured.ts";

const COUNT = 1_000_000;

await runPrograms({
  gen_server_cast: () =>
    rate<CastsDone>("gen_server_cast", COUNT, async (self) => {
      const server = await Counter.start();
      for (let index = 0; index < COUNT; index++) server.cast.increment();
      server.cast.tell(self.pid);
      const done = await self.receive({ type: "casts_done" });
      if (done.count !== COUNT) throw new Error(`${done.count} casts arrived of ${COUNT}`);
      await server.call.stop();
    }),
});
