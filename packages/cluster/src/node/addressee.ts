/** Whom a control message is for. */
import { type Addressee, type LocalPid, RemoteReference } from "@interlock/core/distribution";
import { type Atom, atom, type ControlMessage } from "@interlock/wire";

export function nameOrPid(process: LocalPid | string): LocalPid | Atom {
  return typeof process === "string" ? atom(process) : process;
}

export function messageTo(from: LocalPid, to: Addressee): ControlMessage {
  if (typeof to === "string") return { type: "REG_SEND", from, to: atom(to) };
  if (to instanceof RemoteReference) return { type: "ALIAS_SEND", from, to };
  return { type: "SEND_SENDER", from, to: to as LocalPid };
}
