/** ring of `bb_local.erl`; the 1 000 nodes are gen_servers here, and plain processes there. */

import { exit, genServer, noreply, type Pid, type SystemMessage, send } from "@interlock/core";
import { runPrograms } from "../figure.ts";
import { rate } from "./measured.ts";

interface Token {
  readonly type: "token";
}

interface Node {
  readonly next: Pid<Token>;
}

const RingNode = genServer({
  name: "ring_node",
  init: (next: Pid<Token>): Node => ({ next }),
  info({ state }, message: SystemMessage | Token) {
    if (message.type === "token") send(state.next, message);
    return noreply(state);
  },
});

const NODES = 1_000;
const LAPS = 1_000;

await runPrograms({
  ring_1000_hop: () =>
    rate<Token>("ring_1000_hop", NODES * LAPS, async (self) => {
      const nodes: Pid<Token>[] = [self.pid];
      for (let index = 0; index < NODES; index++) {
        const { pid } = await RingNode.start(nodes[index] as Pid<Token>);
        nodes.push(pid);
      }
      const last = nodes[NODES] as Pid<Token>;
      for (let lap = 0; lap < LAPS; lap++) {
        send(last, { type: "token" });
        await self.receive({ type: "token" });
      }
      for (const node of nodes.slice(1)) exit(node, "kill");
    }),
});
