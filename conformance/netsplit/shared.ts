/** What the nodes share and may hold differently while they are cut off: a group, a topic, caches, presence, names, rooms. */
import { type Cluster, cache, globalName, globalNames, group, placement, presence, pubsub } from "@interlock/cluster";
import {
  exit,
  genServer,
  isAlive,
  local,
  noreply,
  type Pid,
  reply,
  type SystemMessage,
  self,
  spawn,
  whereis,
} from "@interlock/core";
import type { Outside } from "./outside.ts";
import type { Part } from "./part.ts";

const MAYOR = "mayor";
const SQUARE = "square";

export function sharedBy(node: string, outside: Outside, cluster: Cluster): Part {
  const town = group<never>("town");
  const site = pubsub({ name: "site" });
  const news = site.topic<string>("news");
  const online = presence<string>({ name: "online", pubsub: site, heartbeatMs: 500, downMs: 5_000 });
  const notes = cache<string, string>({ name: "notes", mode: "replicate" });
  const pages = cache<string, string>({ name: "pages", mode: "invalidate", load: (key) => outside.row(key) });
  const heard: string[] = [];
  const mayors: Pid<never>[] = [];
  const Citizen = genServer({
    name: "citizen",
    init() {
      const { pid } = self();
      town.join(pid as Pid<never>);
      news.subscribe(self());
      online.track(pid, "town", node, node);
      return 0;
    },
    info(_, message: string | SystemMessage) {
      if (typeof message === "string") heard.push(message);
      return noreply();
    },
  });
  const Room = genServer({
    name: "room",
    version: "1",
    init: (_key: string) => 0,
    calls: { where: () => reply(node) },
  });
  const rooms = placement({ name: "rooms", server: Room, args: (key: string) => [key], handoff: "none" });
  return {
    children: () => [
      notes.child(),
      pages.child(),
      online.child(),
      rooms.child(cluster),
      Citizen.child([], { name: local("citizen") }),
    ],
    operations: {
      members: () => town.members().map((pid) => pid.node),
      broadcast: (text: string) => news.broadcast(text),
      heard: () => heard,
      setNote: (value: string) => notes.set("k", value),
      note: () => notes.get("k"),
      async setPage(value: string) {
        await outside.setRow("k", value);
        pages.delete("k");
      },
      page: () => pages.get("k"),
      /** Has somebody be present by that key. */
      appear(key: string) {
        online.track(whereis(local("citizen")) as Pid, "town", key, node);
      },
      present: () => [...online.list("town")].map(([key, metas]) => `${key} at ${metas.join(" and ")}`).sort(),
      /** A process of this node would be the mayor. */
      async nominate() {
        const candidate = spawn<never>(async (me) => void (await me.receive()));
        try {
          await globalNames.register(MAYOR, candidate);
          mayors.push(candidate);
        } catch (error) {
          exit(candidate, "kill");
          throw error;
        }
      },
      /** How many processes of this node believe that they are it. */
      mayors: () => mayors.filter((pid) => isAlive(pid)).length,
      mayor: () => whereis(globalName(MAYOR))?.node,
      enter: () => rooms.at(SQUARE).call.where(),
      ownRooms: () => rooms.local().length,
    },
  };
}
