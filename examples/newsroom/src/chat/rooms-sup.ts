/**
 * The rooms' supervisor. Rooms are `transient`: a crash is healed, a room closed for lack of visitors stays closed.
 */
import { dynamicSupervisor, local, type Pid } from "@interlock/core";
import { Room, Rooms } from "./room.ts";

/** One supervisor for all rooms, so it has to have patience for several of them at once. */
export const roomsLimits = { intensity: 10, periodMs: 10_000 };

export const roomsSup = dynamicSupervisor(Room, {
  name: local("rooms_sup"),
  // A room's name is its key in the registry.
  nameOf: (room: string) => Rooms.via(room),
  restart: "transient",
  maxChildren: 100,
  ...roomsLimits,
});

/** The process of a room, opened if nobody is in it yet. Of two visitors at the same moment the second waits. */
export function enterRoom(room: string): Promise<Pid> {
  return Rooms.lock(room, async () => Rooms.lookup(room)[0]?.pid ?? (await roomsSup.startChild(room)).pid);
}
