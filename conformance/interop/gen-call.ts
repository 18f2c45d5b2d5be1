/** gen_server:call/3 with any term as its request, by what every process can do: a monitor with an alias. */
import { atom, exactTerms, ImproperList, Tuple, tuple } from "@interlock/cluster";
import { type Pid, type Self, send, spawnMonitor } from "@interlock/core";

import { targetOf, termOf } from "./terms.ts";

const TIMEOUT_MS = 2_000;
const everything = { matches: (): boolean => true };

/** `answer` gets the reply, or `{'EXIT', {Reason, {gen_server, call, [Target, Request, 2000]}}}`. */
export function genCall(target: unknown, request: unknown, answer: (result: unknown) => void): void {
  spawnMonitor<unknown>(async function caller(self) {
    exactTerms();
    answer(await call(self, target, request));
  });
}

async function call(self: Self<unknown>, target: unknown, request: unknown): Promise<unknown> {
  const to = targetOf(target);
  const { alias } = self.monitor(to, { alias: "reply_demonitor" });
  const tag = new ImproperList([atom("alias")], alias);
  send(to as Pid<unknown>, tuple(atom("$gen_call"), tuple(self.pid, tag), request));
  const message = await self.receive(everything as { matches(message: unknown): boolean }, { timeoutMs: TIMEOUT_MS });
  if (message instanceof Tuple) return message.elements[1];
  const reason = message === undefined ? "timeout" : (message as { readonly reason: string }).reason;
  const called = tuple(atom("gen_server"), atom("call"), [target, request, TIMEOUT_MS]);
  return tuple(atom("EXIT"), tuple(termOf(reason), called));
}
