/** The public names of @interlock/cli, and nothing else. */

export { CliError, type CliErrorCode, type CliErrorDetails, cliHints } from "./errors.ts";
export type { NodeControl, NodeSpec, NodeState, Platform, PlatformNode } from "./platform/platform.ts";
export { type LocalRun, type RunLocallyOptions, runLocally } from "./run-locally.ts";
