/**
 * The rooms: each is placed on one node of the town, opened there by whoever enters first, and handed over, with what was said
 * and what is about to be, when its node is stopped. A crash is healed, a room closed for lack of visitors stays closed.
 */

import { placement } from "@interlock/cluster";
import { openRoom, Room } from "./room.ts";

export const rooms = placement({
  name: "rooms",
  server: Room,
  args: (room: string) => [room],
  handoff: "move",
  restore: openRoom,
});
