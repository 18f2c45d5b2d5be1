/** The process of a presence on a node, and what outlives it. */
import {
  type ExitReason,
  type GenServer,
  genServer,
  type LocalNode,
  noreply,
  type Pid,
  type SystemMessage,
  self,
  sendAfter,
} from "@interlock/core";
import { callingProcess } from "@interlock/core/distribution";
import type { PresenceMessage } from "./messages.ts";
import { NodePresence, type PresenceNote, type PresenceRules } from "./node-presence.ts";

const presences = new WeakMap<LocalNode, Map<string, NodePresence>>();

/** The presence of that name on `node`, whether or not its process runs. */
export function presenceOn(node: LocalNode, rules: PresenceRules): NodePresence {
  const ofNode = presences.get(node) ?? new Map<string, NodePresence>();
  presences.set(node, ofNode);
  const known = ofNode.get(rules.name);
  if (known !== undefined) return known;
  const made = new NodePresence(node, rules);
  ofNode.set(rules.name, made);
  return made;
}

type Server = GenServer<[], NodePresence, unknown, unknown, PresenceNote | PresenceMessage>;

export function presenceServer(rules: PresenceRules): Server {
  const beat = (): void =>
    void sendAfter(rules.heartbeatMs, self().pid as Pid<PresenceNote>, { type: "presence_beat" });
  return genServer({
    name: rules.name,
    init: (): NodePresence => {
      const process = callingProcess("a presence");
      self().trapExit(); // Or terminate would not run when it is stopped.
      const running = presenceOn(process.node, rules);
      running.begin(process);
      beat();
      return running;
    },
    info({ state: running }, message: SystemMessage | PresenceNote | PresenceMessage) {
      const type = message?.type;
      if (type === "presence_flush" || type === "presence_more" || type === "presence_greet") running.note(type);
      else if (type === "presence_beat") {
        running.note(type);
        beat();
      } else if (type !== "EXIT") running.hear(message);
      return noreply();
    },
    terminate({ state: running }, reason) {
      if (isOrderly(reason)) running.leave();
    },
    formatStatus: (running) => running.statistics,
  });
}

function isOrderly(reason: ExitReason): boolean {
  if (reason === "normal" || reason === "shutdown") return true;
  return typeof reason === "object" && reason !== null && "shutdown" in reason;
}
