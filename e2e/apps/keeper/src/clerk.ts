/** The clerk, of which there is one in the cluster: it writes to the ledger again and again, by the token of its term. */
import { request } from "node:http";
import { type Leases, type Singleton, singleton } from "@interlock/cluster";
import { genServer, noreply, type Pid, reply, type SystemMessage, self, sendAfter } from "@interlock/core";

const EVERY_MS = 100;
const LIMIT_MS = 2_000;

export interface Writer {
  /** The node. */
  readonly by: string;
  /** Of the term; undefined: it shows none. */
  readonly token: number | undefined;
  readonly kind: "clerk" | "planted";
}

/** One try over a connection of its own: what was cut is not waited for the next time. What fails is not tried again. */
function write(writer: Writer): void {
  const sent = request(new URL("/write", process.env["LEDGER"]), { method: "POST", agent: false, timeout: LIMIT_MS });
  sent.on("timeout", () => sent.destroy());
  sent.on("error", () => undefined);
  sent.on("response", (response) => response.resume().on("error", () => undefined));
  sent.end(JSON.stringify(writer));
}

export function clerkOf(node: string, leases: Leases): Singleton {
  const Clerk = genServer({
    name: "clerk",
    init(token: number) {
      sendAfter(EVERY_MS, self().pid as Pid<"write">, "write");
      return { token };
    },
    calls: { where: ({ state }) => reply(`${node} ${state.token}`) },
    info({ self: me, state }, message: "write" | SystemMessage) {
      if (message !== "write") return noreply();
      write({ by: node, token: state.token, kind: "clerk" });
      sendAfter(EVERY_MS, me.pid as Pid<"write">, "write");
      return noreply();
    },
  });
  return singleton({ name: "clerk", server: Clerk, args: (token) => [token], leases });
}

/**
 * What no program should do: a writer under no lease. It goes on by the token that the clerk once had, or by none, until its
 * program ends. The ledger has to catch it.
 */
export function plantWriter(node: string, token: number | undefined): void {
  setInterval(() => write({ by: node, token, kind: "planted" }), EVERY_MS);
}
