/** How nodes find each other and become a town; the archive's node, which is the launcher's, goes by the same rules. */
import { type JoinClusterOptions, localNodes } from "@interlock/cluster";

export const townRules: JoinClusterOptions = {
  name: "newsroom",
  discovery: [localNodes()],
  requiredContactPoints: 2,
  stableMarginMs: 1_000,
  intervalMs: 300,
};
