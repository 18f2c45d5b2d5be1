/**
 * The chat's subtree. `rest_for_one`: rooms need the registry that names them and visitors need the rooms, so what is
 * restarted takes along what was started after it. Visitors are `temporary`: a connection cannot be restarted from this
 * end, the page does it.
 */
import { dynamicSupervisor, local, supervisor } from "@interlock/core";
import { Rooms } from "./room.ts";
import { roomsSup } from "./rooms-sup.ts";
import { User } from "./user.ts";

const maxVisitors = 1_000;

export const usersSup = dynamicSupervisor(User, {
  name: local("users_sup"),
  restart: "temporary",
  maxChildren: maxVisitors,
  mailbox: { capacity: 200, overflow: "reject" },
});

export const chatSup = supervisor({
  name: "chat_sup",
  strategy: "rest_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: () => [Rooms.child(), roomsSup.child([], { id: "rooms_sup" }), usersSup.child([], { id: "users_sup" })],
});
