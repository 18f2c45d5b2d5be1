/** pingpong and spawn_monitor_exit_down of `bb_local.erl`: plain processes that `await self.receive`. */

import { type Pid, type Self, send, spawn, spawnMonitor } from "@interlock/core";
import { runPrograms } from "../figure.ts";
import { rate } from "./measured.ts";

type Ping = { readonly type: "ping"; readonly from: Pid<Pong> } | { readonly type: "stop" };
interface Pong {
  readonly type: "pong";
}

async function pong(self: Self<Ping>): Promise<void> {
  for (;;) {
    const message = await self.receive();
    if (message.type === "stop") return;
    send(message.from, { type: "pong" });
  }
}

function noop(): void {}

await runPrograms({
  pingpong_rtt: () =>
    rate<Pong>("pingpong_rtt", 500_000, async (self) => {
      const ponger = spawn(pong);
      for (let index = 0; index < 500_000; index++) {
        send(ponger, { type: "ping", from: self.pid });
        await self.receive({ type: "pong" });
      }
      send(ponger, { type: "stop" });
    }),

  spawn_monitor_exit_down: () =>
    rate("spawn_monitor_exit_down", 200_000, async (self) => {
      for (let index = 0; index < 200_000; index++) {
        const { monitor } = spawnMonitor(noop);
        await self.receive(monitor.down);
      }
    }),
});
