/** The sources of configuration that need nothing but a program's own surroundings. */
import type { ConfigProvider, ConfigTree } from "./config.ts";

/** Values as they stand in the program. */
export function defaults(tree: ConfigTree, name = "defaults"): ConfigProvider {
  return { name, load: () => tree };
}
