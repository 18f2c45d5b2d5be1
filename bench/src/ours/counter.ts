/** `bb_srv.erl`: counts, tells somebody when it is up. */

import { genServer, noreply, type Pid, type RefOf, reply, self, send, stop } from "@interlock/core";

export interface Up {
  readonly type: "up";
  readonly pid: Pid;
}

export interface CastsDone {
  readonly type: "casts_done";
  readonly count: number;
}

interface Count {
  readonly count: number;
}

export const Counter = genServer({
  name: "counter",

  init: (notify?: Pid<Up>): Count => {
    if (notify !== undefined) send(notify, { type: "up", pid: self().pid });
    return { count: 0 };
  },

  calls: {
    increment({ state }) {
      const count = state.count + 1;
      return reply(count, { count });
    },
    /** The same after one real await: the handler is suspended and resumed. */
    async incrementLater({ state }) {
      const count = (await load(state.count)) + 1;
      return reply(count, { count });
    },
    get: ({ state }) => reply(state.count),
    stop: ({ state }) => stop("normal", { value: state.count }),
  },

  casts: {
    increment: ({ state }) => noreply({ count: state.count + 1 }),
    tell({ state }, to: Pid<CastsDone>) {
      send(to, { type: "casts_done", count: state.count });
      return noreply(state);
    },
  },
});

async function load(count: number): Promise<number> {
  await Promise.resolve();
  return count;
}

export type CounterRef = RefOf<typeof Counter>;
