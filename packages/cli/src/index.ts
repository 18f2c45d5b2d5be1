/** The public names of @interlock/cli, and nothing else. */

export { type Balancer, type BalancerOptions, startBalancer } from "./balancer/balancer.ts";
export type { Upstream } from "./balancer/choose.ts";
export { CliError, type CliErrorCode, type CliErrorDetails, cliHints } from "./errors.ts";
export { type LocalPlatformOptions, localPlatform } from "./platform/local-platform.ts";
export type { Limits } from "./platform/plan.ts";
export type { LaunchedNode, NodeControl, NodeSpec, NodeState, Platform, PlatformNode } from "./platform/platform.ts";
export { type LocalRun, type RunLocallyOptions, runLocally } from "./run-locally.ts";
