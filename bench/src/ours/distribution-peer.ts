/** The other node of `distribution.ts`. Arguments: its name, the port of its name server, for TLS the folder of certificates. */

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
import { credentialsIn } from "../certificates.ts";
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

const [name, epmdPort, folder] = process.argv.slice(2);
const credentials = folder === undefined ? undefined : credentialsIn(folder);
await Counter.named(local("counter")).start();
await Sinks.named(local("sinks")).start();
await createNode({
  name: name as NodeName,
  cookie: "bb",
  epmd: { port: Number(epmdPort) },
  ...(credentials === undefined ? {} : { tls: () => credentials }),
});
console.log("ready");
// Which the node itself does not: alive for as long as the program that has started it.
process.stdin.on("end", () => process.exit()).resume();
