/** References to supervisors by name or pid, for modules that are started by them and so cannot import them. */
import { local, type Name, type Pid, type SupervisorRef } from "@interlock/core";
import { tickerSup } from "./ticker/ticker-sup.ts";

/** What a reference can do is the same for every supervisor, so any of them can make it. */
export function supervisorAt(target: Name | Pid): SupervisorRef {
  return tickerSup.at(target);
}

export const newsroomSup = supervisorAt(local("newsroom_sup"));
