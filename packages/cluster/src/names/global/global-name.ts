/** Names that belong to one process of all connected nodes. @see global(3) */
import type { LocalNode, Name } from "@interlock/core";
import { type Away, type LocalPid, NameBase, type Process, RemotePid } from "@interlock/core/distribution";
import { GroupName as Term } from "../../groups/group-name.ts";
import { type GlobalNameOptions, giveName, serverOf } from "./global-names.ts";

/**
 * The name `name` among all nodes that run `global`: for `named`, `at`, `send`, `whereis`, `monitor`. Any Erlang term serves:
 * `"bank"` is `{global, <<"bank">>}` there, `atom("bank")` is `{global, bank}`.
 *
 * A process that starts under it is registered on every node before its `init` runs; of several that start at once, one does,
 * and the others fail with `INTERLOCK_ALREADY_STARTED`. A process has one global name. The name ends with the process.
 *
 * **Errors** of its use: `INTERLOCK_NODE_OPTION` on a node that was made without `global`.
 *
 * @see gen_server:start_link/4 with `{global, Name}`
 *
 * @example
 * const Counter = genServer({
 *   name: "counter",
 *   init: () => 0,
 *   calls: { next: ({ state }) => reply(state + 1, state + 1) },
 * });
 * await Counter.named(globalName("tickets")).start();
 * console.log(await Counter.at(globalName("tickets")).call.next()); // 1
 */
export function globalName(name: unknown, options: GlobalNameOptions = {}): Name {
  return new GlobalName(name, options);
}

class GlobalName extends NameBase {
  readonly #term: Term;
  readonly #options: GlobalNameOptions;

  constructor(name: unknown, options: GlobalNameOptions) {
    super();
    this.#term = new Term(name);
    this.#options = options;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    return serverOf(node).whereis(this.#term);
  }

  override away(node: LocalNode): Away | undefined {
    const pid = this.whereis(node);
    return pid instanceof RemotePid && pid.home.route !== undefined ? { route: pid.home.route, to: pid } : undefined;
  }

  register({ node, pid }: Process): Promise<void> {
    return giveName(node, "register", this.#term, pid, this.#options);
  }

  unregister({ node }: Process): void {
    void serverOf(node).register({ type: "unregister", name: this.#term });
  }

  toString(): string {
    return `globalName(${JSON.stringify(this.#term.toString())})`;
  }
}
