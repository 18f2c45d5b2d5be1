/** A reference by type alone. */
import type { Name } from "../naming/name.ts";
import { anyRef } from "./client.ts";
import type { AnyGenServer, RefOf } from "./gen-server.ts";

/**
 * A reference to a server whose implementation need not be loaded in this program.
 *
 * @example
 * import type { Bank } from "./bank.ts";
 * const bank = refTo<typeof Bank>(local("bank"));
 */
export function refTo<G extends AnyGenServer>(target: Name): RefOf<G> {
  return anyRef(target) as RefOf<G>;
}
