/** selective of `bb_local.erl`: 10 000 messages that do not match stand before each wanted one. */

import { type Self, send, when } from "@interlock/core";
import { runPrograms, shortRepetitions } from "../figure.ts";
import { Counter } from "./counter.ts";
import { rate } from "./measured.ts";

type Message = { readonly type: "junk"; readonly index: number } | Wanted;
interface Wanted {
  readonly type: "wanted";
  readonly index: number;
}

function fill(self: Self<Message>): void {
  for (let index = 0; index < 10_000; index++) send(self.pid, { type: "junk", index });
}

const isWanted = (message: unknown): message is Wanted => (message as Message).type === "wanted";

await runPrograms({
  selective_receive_10k_deep: () =>
    rate<Message>(
      "selective_receive_10k_deep",
      1_000,
      async (self) => {
        fill(self);
        for (let index = 1_000; index > 0; index--) {
          send(self.pid, { type: "wanted", index });
          // `receive {want, N}` with N bound: a guard of its own for each, so nothing is known of the junk beforehand.
          await self.receive(when(isWanted, (message) => message.index === index));
        }
      },
      shortRepetitions,
    ),

  gen_server_call_with_10k_deep_mailbox: () =>
    rate<Message>(
      "gen_server_call_with_10k_deep_mailbox",
      20_000,
      async (self) => {
        const server = await Counter.start();
        fill(self);
        for (let index = 0; index < 20_000; index++) await server.call.increment();
        await server.call.stop();
      },
      shortRepetitions,
    ),
});
