/**
 * A chat room: what was said in it lately, in one order for everybody. One process a room in the whole town, placed on one
 * of its nodes and reached by its name from all of them; a node that is stopped hands its rooms to the others. Crashing costs
 * a room its process and nobody else a thing: what was said is on the wall, which every node has a copy of.
 */
import { cache } from "@interlock/cluster";
import { genServer, noreply, reply, type SystemMessage, self, stop } from "@interlock/core";
import { attendance, roomTopic } from "./attendance.ts";
import type { Said } from "./protocol.ts";

export interface RoomState {
  readonly room: string;
  readonly said: readonly Said[];
  /** The ids of what was said, for somebody who says it again because the answer was lost. */
  readonly heard: readonly string[];
}

/** What somebody says. */
export type Words = Pick<Said, "id" | "from" | "text" | "at">;

const keptSaid = 50;
const keptHeard = 500;
/** An empty room is closed after this long. */
const emptyMs = 60_000;

/** What was said in each room, on every node: a room whose node was lost is opened elsewhere with what hangs here. */
export const wall = cache<string, readonly Said[]>({ name: "wall", mode: "replicate", maxEntries: 200 });

type Alarm = { readonly type: "empty?" };

export const Room = genServer({
  name: "room",
  version: "1",

  init: (room: string): RoomState => {
    const said = wall.get(room) ?? [];
    return openRoom({ room, said, heard: said.map(({ id }) => id) });
  },

  calls: {
    /** What was said lately. */
    said: ({ state }) => reply(state.said),

    /** Says it to everybody who is in the room, on whatever node. Words that were said already are not said again. */
    say({ state }, words: Words) {
      if (state.heard.includes(words.id)) return reply("said");
      const number = (state.said.at(-1)?.number ?? 0) + 1;
      const line: Said = { type: "said", room: state.room, number, ...words };
      const said = [...state.said, line].slice(-keptSaid);
      wall.set(state.room, said);
      roomTopic(state.room).broadcast({ type: "news", news: line });
      return reply("said", { ...state, said, heard: [...state.heard, words.id].slice(-keptHeard) });
    },
  },

  casts: {
    crash(): never {
      throw new Error("Told to crash in the middle of a conversation");
    },
  },

  info({ self, state }, message: SystemMessage | Alarm) {
    if (message.type !== "empty?") return noreply();
    if (attendance(state.room).count === 0) return stop("normal");
    self.sendAfter(emptyMs, { type: "empty?" });
    return noreply();
  },
});

/** What a room's process begins with, be it new or come from another node: timers and labels stay behind. */
export function openRoom(state: RoomState): RoomState {
  self().setLabel(state.room);
  self().sendAfter(emptyMs, { type: "empty?" });
  return state;
}
