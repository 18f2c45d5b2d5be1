/** The other node of `distribution.ts`: its name and the port of its name server are the arguments. */

import { createNode } from "@interlock/cluster";
import {
  defaultNode,
  genServer,
  local,
  type NodeName,
  noreply,
  type Pid,
  type SystemMessage,
  send,
} from "@interlock/core";
import { Counter } from "./counter.ts";

defaultNode().progress = false;
defaultNode().onReport = () => undefined;

interface Told {
  readonly type: "ready" | "all";
  readonly pid: Pid<unknown>;
}

/** `counter/1`: takes so many messages, then says so. */
const Sink = genServer({
  name: "sink",
  init: (count: number, to: Pid<Told>): { readonly left: number; readonly to: Pid<Told> } => ({ left: count, to }),
  info({ self, state }, _message: SystemMessage | unknown) {
    const left = state.left - 1;
    if (left === 0) send(state.to, { type: "all", pid: self.pid });
    return noreply({ left, to: state.to });
  },
});

export const Sinks = genServer({
  name: "sinks",
  init: () => 0,
  casts: {
    async start(_ctx, count: number, to: Pid<Told>) {
      const { pid } = await Sink.start(count, to);
      send(to, { type: "ready", pid });
      return noreply();
    },
  },
});

const [name, epmdPort] = process.argv.slice(2);
await Counter.named(local("counter")).start();
await Sinks.named(local("sinks")).start();
await createNode({ name: name as NodeName, cookie: "bb", epmd: { port: Number(epmdPort) } });
console.log("ready");
// The node itself keeps no program alive.
setInterval(() => undefined, 2 ** 30);
