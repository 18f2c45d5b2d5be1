/** The editor, of which there is one in the cluster: it writes to the resource again and again, by the token of its term. */
import { singleton } from "@interlock/cluster";
import { genServer, noreply, type Pid, reply, type SystemMessage, self, sendAfter } from "@interlock/core";
import { type Operations, tell } from "./control.ts";
import type { Outside } from "./outside.ts";
import type { Part } from "./part.ts";

const EVERY_MS = 50;

export function editorOf(node: string, outside: Outside): Part {
  const Editor = genServer({
    name: "editor",
    init(token: number) {
      const me = self();
      tell("began", { token });
      me.own({ close: () => tell("ended", { token }) });
      sendAfter(EVERY_MS, me.pid as Pid<"write">, "write");
      return { token };
    },
    calls: { where: ({ state }) => reply(`${node} ${state.token}`) },
    info({ state, self: me }, message: "write" | SystemMessage) {
      if (message !== "write") return noreply();
      const { token } = state;
      // Not waited for: it must answer its callers while the resource cannot be reached.
      outside.write({ token, by: node }, me.signal).catch(() => undefined);
      sendAfter(EVERY_MS, me.pid as Pid<"write">, "write");
      return noreply();
    },
  });
  const editor = singleton({
    name: "editor",
    server: Editor,
    args: (token) => [token],
    leases: outside,
    shutdownMs: 200,
    durationMs: 3_000,
    renewDeadlineMs: 2_000,
    retryMs: 300,
  });
  const operations: Operations = {
    holder: () => editor.holder,
    callEditor: () => Editor.at(editor).call.where(),
    /** Goes on writing by a token that it once had, as no server under a lease does. */
    haunt() {
      const { token } = editor;
      setInterval(() => void outside.write({ token, by: node }).catch(() => undefined), EVERY_MS);
    },
  };
  return { children: () => [editor.child()], operations };
}
