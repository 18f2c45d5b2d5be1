/**
 * The chat's subtree. `rest_for_one`: rooms need the wall and visitors need the rooms, so what is restarted takes along what
 * was started after it. Visitors are `temporary`: a connection cannot be restarted from this end, the page does it.
 */
import { dynamicSupervisor, local, supervisor } from "@interlock/core";
import type { Town } from "../town/town.ts";
import { visits } from "./attendance.ts";
import { wall } from "./room.ts";
import { rooms } from "./rooms.ts";
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
  children: ({ cluster }: Town) => [
    wall.child(),
    visits.child(),
    rooms.child(cluster),
    usersSup.child([], { id: "users_sup" }),
  ],
});
