/**
 * A chat room: who is in it and what was said lately. One process a room, found by its name through the registry, so
 * that a visitor needs no pid that a restart would make stale. Crashing costs the room its memory and nobody else a thing.
 */

import {
  genServer,
  type Monitor,
  noreply,
  type Pid,
  registry,
  reply,
  type SystemMessage,
  self,
  send,
  stop,
} from "@interlock/core";
import type { People, Said } from "./protocol.ts";

/** What a room tells the processes of its visitors. */
export interface RoomNews {
  readonly type: "news";
  readonly news: Said | People;
}

interface Guest {
  readonly name: string;
  readonly monitor: Monitor;
}

interface RoomState {
  readonly room: string;
  readonly said: readonly Said[];
  readonly guests: ReadonlyMap<Pid<RoomNews>, Guest>;
}

const keptSaid = 50;
const shownPeople = 40;
/** An empty room is closed after this long; being transient, it is not started again. */
const emptyMs = 60_000;

export const Rooms = registry<string>({ name: "rooms", keys: "unique" });

type Alarm = { readonly type: "empty?" };

export const Room = genServer({
  name: "room",

  init: (room: string): RoomState => {
    self().setLabel(room);
    self().sendAfter(emptyMs, { type: "empty?" });
    return { room, said: [], guests: new Map() };
  },

  calls: {
    /** Answers what was said lately. A guest who is in already only changes their name. */
    join({ self, state }, pid: Pid<RoomNews>, name: string) {
      const monitor = state.guests.get(pid)?.monitor ?? self.monitor(pid);
      const next: RoomState = { ...state, guests: new Map(state.guests).set(pid, { name, monitor }) };
      tell(next, peopleOf(next));
      return reply(state.said, next);
    },
  },

  casts: {
    say({ state }, pid: Pid<RoomNews>, text: string, at: number) {
      const guest = state.guests.get(pid);
      if (guest === undefined) return noreply();
      const said: Said = { type: "said", room: state.room, from: guest.name, text, at };
      tell(state, said);
      return noreply({ ...state, said: [...state.said, said].slice(-keptSaid) });
    },

    leave({ state }, pid: Pid<RoomNews>) {
      state.guests.get(pid)?.monitor.demonitor({ flush: true });
      return noreply(without(state, pid));
    },

    crash(): never {
      throw new Error("Told to crash in the middle of a conversation");
    },
  },

  info({ self, state }, message: SystemMessage | Alarm) {
    if (message.type === "DOWN") return noreply(without(state, message.pid as Pid<RoomNews>));
    if (message.type === "empty?") {
      if (state.guests.size === 0) return stop("normal");
      self.sendAfter(emptyMs, { type: "empty?" });
    }
    return noreply();
  },
});

function without(state: RoomState, pid: Pid<RoomNews>): RoomState {
  if (!state.guests.has(pid)) return state;
  const guests = new Map(state.guests);
  guests.delete(pid);
  const next: RoomState = { ...state, guests };
  tell(next, peopleOf(next));
  return next;
}

function tell(state: RoomState, news: Said | People): void {
  for (const pid of state.guests.keys()) send(pid, { type: "news", news });
}

function peopleOf({ guests, room }: RoomState): People {
  const people = [...guests.values()].slice(0, shownPeople).map((guest) => guest.name);
  return { type: "people", room, people, count: guests.size };
}
