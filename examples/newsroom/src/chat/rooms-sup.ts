/**
 * The rooms' supervisor. Rooms are `transient`: a crash is healed, a room closed for lack of visitors stays closed.
 */
import { dynamicSupervisor, local, type Pid } from "@interlock/core";
import { Room, Rooms } from "./room.ts";

/** A room's name is its key in the registry, so its process is started by that name. */
const namedRoom = {
  child: ([room = "room"]: readonly [string] | readonly []) => ({
    id: "room",
    start: () => Room.named(Rooms.via(room)).startLink(room),
  }),
  at: (target: Parameters<typeof Room.at>[0]) => Room.at(target),
};

/** One supervisor for all rooms, so it has to have patience for several of them at once. */
export const roomsLimits = { intensity: 10, periodMs: 10_000 };

export const roomsSup = dynamicSupervisor<[string], ReturnType<typeof Room.at>>(namedRoom, {
  name: local("rooms_sup"),
  restart: "transient",
  maxChildren: 100,
  ...roomsLimits,
});

/** The process of a room, opened if nobody is in it yet. */
export async function enterRoom(room: string): Promise<Pid> {
  const open = Rooms.lookup(room)[0]?.pid;
  if (open !== undefined) return open;
  try {
    return (await roomsSup.startChild(room)).pid;
  } catch (error) {
    // Two visitors walked in at the same moment: the other's room is as good.
    const other = Rooms.lookup(room)[0]?.pid;
    if (other !== undefined) return other;
    throw error;
  }
}
