/** What a node's own program needs of its launcher. */
export {
  draining,
  launchedNode,
  type PlatformClient,
  platform,
  ready,
} from "./platform/child.ts";
export type { LaunchedNode, NodeControl, NodeState, PlatformNode } from "./platform/platform.ts";
