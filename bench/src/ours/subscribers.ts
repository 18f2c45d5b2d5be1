/** pg_bcast of `bb_local.erl` with a registry of duplicate keys for pg, and ex_registry_lookup_unique of `ex_bench.exs`. */

import { genServer, noreply, type Pid, registry, type SystemMessage, send } from "@interlock/core";
import { emitRate, runPrograms, seconds } from "../figure.ts";
import { isolated, rate } from "./measured.ts";

type Notice = { readonly type: "quiet" } | { readonly type: "ask"; readonly from: Pid<Answer> };
interface Answer {
  readonly type: "answer";
  readonly notices: number;
}

interface Subscriber {
  readonly notices: number;
}

const Topics = registry<string>({ name: "topics", keys: "duplicate" });
const Names = registry<string, string>({ name: "names", keys: "unique" });

const SubscriberServer = genServer({
  name: "subscriber",
  init: (topic: string): Subscriber => {
    Topics.register(topic);
    return { notices: 0 };
  },
  info({ state }, message: SystemMessage | Notice) {
    if (message.type === "ask") send(message.from, { type: "answer", notices: state.notices });
    return noreply({ notices: state.notices + 1 });
  },
});

const SUBSCRIBERS = 10_000;
/** Of some milliseconds each: enough that most of them run on compiled code, as in a service. */
const BROADCASTS = 100;
const LOOKUPS = 500_000;

await runPrograms({
  pg_broadcast_10k_no_acks: async () => {
    await Topics.start();
    const times = await isolated<Answer, readonly number[]>(async (self) => {
      for (let index = 0; index < SUBSCRIBERS; index++) await SubscriberServer.start("g");
      const list: number[] = [];
      for (let repetition = 1; repetition <= BROADCASTS; repetition++) {
        const time = await seconds(async () => {
          let last: Pid<Notice> | undefined;
          for (const { pid } of Topics.lookup("g")) {
            last = pid as Pid<Notice>;
            send(last, { type: "quiet" });
          }
          // The last one answers, so everybody has handled the message before it.
          send(last as Pid<Notice>, { type: "ask", from: self.pid });
          const { notices } = await self.receive({ type: "answer" });
          if (notices !== 2 * repetition - 1)
            throw new Error(`${notices} messages arrived in repetition ${repetition}`);
        });
        list.push(time);
      }
      return list;
    });
    emitRate("pg_broadcast_10k_no_acks", SUBSCRIBERS, times, "deliveries/s");
  },

  ex_registry_lookup_unique: async () => {
    await Names.start();
    await rate("ex_registry_lookup_unique", LOOKUPS, async () => {
      Names.register("me", "v");
      let found = 0;
      for (let index = 0; index < LOOKUPS; index++) found += Names.lookup("me").length;
      if (found !== LOOKUPS) throw new Error(`${found} of ${LOOKUPS} look-ups found the process`);
    });
  },
});
