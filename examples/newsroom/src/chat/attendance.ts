/** Who is in which room, and how everybody in a room hears of something: in step on all nodes. */
import { presence, pubsub } from "@interlock/cluster";
import type { People, Said } from "./protocol.ts";

/** What a room tells the processes of its visitors. */
export interface RoomNews {
  readonly type: "news";
  readonly news: Said;
}

export interface Visit {
  /** The node that the visitor's socket ends at. */
  readonly node: string;
}

const shownPeople = 40;
const chat = pubsub({ name: "chat" });

/** Keyed by the visitor's name; two of one name are two. */
export const visits = presence<Visit>({ name: "visits", pubsub: chat });

export const roomTopic = (room: string) => chat.topic<RoomNews>(room);

export function attendance(room: string): People {
  const names = [...visits.list(room)].flatMap(([name, metas]) => metas.map(() => name)).sort();
  return { type: "people", room, people: names.slice(0, shownPeople), count: names.length };
}
