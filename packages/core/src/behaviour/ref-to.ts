/** A reference by type alone. */
import type { Name } from "../naming/name.ts";
import { anyRef } from "./client.ts";
import type { AnyGenServer, RefOf } from "./gen-server.ts";

/**
 * A reference to a server whose implementation need not be loaded in this program.
 *
 * @example
 * const Bank = genServer({
 *   name: "bank",
 *   init: (): { readonly balance: number } => ({ balance: 100 }),
 *   calls: { balance: ({ state }) => reply(state.balance) },
 * });
 * await Bank.named(local("bank")).start();
 * // In another file, after `import type { Bank } from "./bank.ts"`:
 * const bank = refTo<typeof Bank>(local("bank"));
 * console.log(await bank.call.balance()); // 100
 */
export function refTo<G extends AnyGenServer>(target: Name): RefOf<G> {
  return anyRef(target) as RefOf<G>;
}
