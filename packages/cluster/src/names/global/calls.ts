/** gen_server calls to the global name servers of other nodes, made by the server here for the process that needs them. */

import type { NodeName } from "@interlock/core";
import { type Monitor, type Pid, type Ref, remote, type Self, send } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom, ImproperList, type Tuple, tuple } from "@interlock/wire";
import { aliasOf } from "../../node/gen-protocol.ts";
import { type GlobalRequest, requestTerm } from "./requests.ts";

/** What every node calls its global name server. */
export const SERVER = "global_name_server";

const GEN_CALL = atom("$gen_call");
const ALIAS = atom("alias");

interface OpenCall {
  readonly alias: unknown;
  readonly down: Ref;
  readonly answered: (value: unknown) => void;
}

export class GlobalCalls {
  readonly #byAlias = new Map<unknown, OpenCall>();
  readonly #byDown = new Map<Ref, OpenCall>();

  /** `answered` with undefined: the node cannot be reached, or has no such server. */
  start(
    self: Self<unknown>,
    node: NodeName,
    request: GlobalRequest,
    from: LocalPid,
    answered: (value: unknown) => void,
  ): void {
    const server = remote(SERVER, node);
    // OTP: the caller in the request is who is given the lock; the answer goes to the alias.
    const { alias, ref } = self.monitor(server, { alias: "reply_demonitor" }) as Monitor & { readonly alias: unknown };
    const call = { alias, down: ref, answered };
    this.#byAlias.set(alias, call);
    this.#byDown.set(ref, call);
    const tag = new ImproperList([ALIAS], alias);
    send(server, tuple(GEN_CALL, tuple(from, tag), requestTerm(request)) as never);
  }

  /** @returns whether it was the answer to a call. */
  answered(message: Tuple): boolean {
    const call = this.#byAlias.get(aliasOf(message.elements[0]));
    if (call === undefined) return false;
    this.#over(call);
    call.answered(message.elements[1]);
    return true;
  }

  /** @returns whether it was the end of a call. */
  down(ref: Ref): boolean {
    const call = this.#byDown.get(ref);
    if (call === undefined) return false;
    this.#over(call);
    call.answered(undefined);
    return true;
  }

  #over({ alias, down }: OpenCall): void {
    this.#byAlias.delete(alias);
    this.#byDown.delete(down);
  }
}

/** To whoever has made a call: to the alias in its tag, or to the process if the tag is plain. */
export function answer({ pid, tag }: { readonly pid: LocalPid; readonly tag: unknown }, value: unknown): void {
  send((aliasOf(tag) ?? pid) as Pid<unknown>, tuple(tag, value));
}
