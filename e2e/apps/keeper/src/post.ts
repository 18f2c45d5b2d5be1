/**
 * Letters between all nodes, each with a number: whoever gets them sees whether one is missing. What was under way when a
 * connection ended is lost by the rules; so is a letter to a node that is not connected.
 */
import { randomUUID } from "node:crypto";
import type { Cluster } from "@interlock/cluster";
import {
  genServer,
  local,
  noreply,
  type Pid,
  remote,
  reply,
  type SystemMessage,
  self,
  sendAfter,
} from "@interlock/core";

const EVERY_MS = 50;

interface Letters {
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
}

interface Post {
  /** Of this life of the process: one that begins anew counts anew. */
  readonly me: string;
  readonly cluster: Cluster;
  /** To each node, the last one. */
  readonly sent: ReadonlyMap<string, number>;
  /** From each sender, the last one. */
  readonly last: ReadonlyMap<string, number>;
  readonly letters: Letters;
}

export const PostOffice = genServer({
  name: "post",
  init(cluster: Cluster): Post {
    sendAfter(EVERY_MS, self().pid as Pid<"deliver">, "deliver");
    const me = `${cluster.node} ${randomUUID()}`;
    return { me, cluster, sent: new Map(), last: new Map(), letters: { received: 0, lost: 0, doubled: 0 } };
  },
  calls: { letters: ({ state }) => reply(state.letters) },
  casts: {
    letter({ state }, from: string, number: number) {
      const { doubled, lost, received } = state.letters;
      const last = state.last.get(from);
      // The first letter of a sender tells where it is.
      const missing = last === undefined ? 0 : number - last - 1;
      const letters = {
        received: received + 1,
        lost: lost + Math.max(0, missing),
        doubled: doubled + (missing < 0 ? 1 : 0),
      };
      return noreply({ ...state, last: new Map(state.last).set(from, number), letters });
    },
  },
  info({ self: me, state }, message: "deliver" | SystemMessage) {
    if (message !== "deliver") return noreply();
    const sent = new Map(state.sent);
    for (const { node, state: standing } of state.cluster.members()) {
      if (node === state.cluster.node || standing !== "up") continue;
      const number = (sent.get(node) ?? 0) + 1;
      sent.set(node, number);
      PostOffice.at(remote("post", node)).cast.letter(state.me, number);
    }
    sendAfter(EVERY_MS, me.pid as Pid<"deliver">, "deliver");
    return noreply({ ...state, sent });
  },
});

export const post = PostOffice.at(local("post"));
