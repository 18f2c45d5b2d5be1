/** The public names of @interlock/core, and nothing else. */

export {
  type AnyApplication,
  type Application,
  type ApplicationEnv,
  type ApplicationInfo,
  type ApplicationModule,
  application,
  changeConfig,
  configFiles,
  ensureAllStarted,
  getEnv,
  onNodeStop,
  type RunningApplication,
  type StartOptions as ApplicationStartOptions,
  startApplication,
  stopAllApplications,
  stopApplication,
  traceConfig,
  whichApplications,
} from "./application/application.ts";
export type { NodeStop, NodeStopHandler } from "./application/application-controller.ts";
export type {
  ConfigDifference,
  ConfigIssue,
  ConfigProvider,
  ConfigTree,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./application/config.ts";
export { deepMerge } from "./application/config.ts";
export { type ConfigChange, watchConfig } from "./application/config-change.ts";
export type { ConfigSetting } from "./application/config-trace.ts";
export { type ConfigPath, defaults, environment, flags, jsonFile } from "./application/providers.ts";
export { type Agent, type AgentOptions, type AgentRef, agent } from "./behaviour/agent.ts";
export type { ChildOptions, ChildSpec, Restart } from "./behaviour/child-spec.ts";
export type { CallOptions, CallsOf, CastsOf, ServerRef } from "./behaviour/client.ts";
export type { TraceEvent, TraceHandler } from "./behaviour/debug.ts";
export {
  type EventContext,
  type EventHandler,
  type EventHandlerModule,
  type EventManager,
  eventHandler,
  type GenEvent,
  type GenEventExit,
  type GenEventModule,
  genEvent,
  type HandlerEnd,
  type RemoveHandler,
  removeHandler,
} from "./behaviour/gen-event.ts";
export {
  type AnyGenServer,
  type Context,
  type GenServer,
  type GenServerModule,
  genServer,
  type Protocol,
  type RefOf,
  type StateOf,
} from "./behaviour/gen-server.ts";
export {
  type GenStatem,
  genStatem,
  type NextEvent,
  type StatemContext,
  type StatemHandlers,
  type StatemModule,
  type StatemRef,
  type StatemStart,
  type StatemStatus,
  type StatemTypes,
  type StopOptions,
  type Transition,
  type TransitionOptions,
} from "./behaviour/gen-statem.ts";
export { refTo } from "./behaviour/ref-to.ts";
export {
  type DuplicateRegistry,
  type Registry,
  type RegistryBase,
  type RegistryOptions,
  registry,
} from "./behaviour/registry.ts";
export {
  type After,
  type From,
  type Ignore,
  ignore,
  type Later,
  later,
  type NoReply,
  noreply,
  type Ready,
  type Reply,
  ready,
  reply,
  type Stop,
  stop,
} from "./behaviour/reply.ts";
export { type ProcessStatus, type Statistics, sys } from "./behaviour/sys.ts";
export { type TaskStreamOptions, taskStream, type ZippedOutcome } from "./behaviour/task-stream.ts";
export { type ErrorCode, type ErrorDetails, hints, InterlockError, isError } from "./errors.ts";
export { local, type Name, remote } from "./naming/name.ts";
export type { KeyedRegistryEntry, RegistryEntry, RegistryEvent } from "./naming/registry-table.ts";
export { defaultNode, LocalNode, type NodeOptions, onReport } from "./node.ts";
export type { Alias, AliasMode, AliasOptions } from "./process/alias.ts";
export { attribute, containStrayErrors } from "./process/containment.ts";
export { unowned } from "./process/context.ts";
export { type ExitReason, ProcessExit, type Term } from "./process/exit-reason.ts";
export {
  exit,
  isAlive,
  monitor,
  type ProcessInfo,
  processes,
  processInfo,
  register,
  registered,
  unregister,
  whereis,
} from "./process/info.ts";
export type { MailboxOptions, Overflow } from "./process/mailbox.ts";
export { anyMessage, anyOf, type Matched, type Matcher, when } from "./process/matcher.ts";
export type { AliasedMonitor, Monitor, MonitorOptions } from "./process/monitor.ts";
export type { Ownable } from "./process/own.ts";
export { isPid, makeRef, type NodeName, type Pid, type Ref } from "./process/pid.ts";
export { bind, type Pattern, type ReceiveOptions, type Self, self } from "./process/self.ts";
export {
  type Destination,
  send,
  sendAfter,
  sendTimeoutAfter,
  sendWait,
  type TimerMessage,
  trySend,
} from "./process/send.ts";
export type { Down, Exit, NodeDown, NodeUp, SystemMessage, Timeout } from "./process/signal.ts";
export { type SpawnMonitorOptions, type SpawnOptions, spawn, spawnLink, spawnMonitor } from "./process/spawn.ts";
export { awaitAll, callers, type Task, type TaskOutcome, task, yieldAll } from "./process/task.ts";
export type { Timer } from "./process/timer.ts";
export {
  type CrashReport,
  formatReport,
  type LingeringReport,
  type ProgressReport,
  type Report,
  type ReportHandler,
  type SupervisorReport,
  type WarningReport,
  writeToStderr,
} from "./report/report.ts";
export { type Clock, nodeRuntime, type Pick, type Random, type Runtime, type Timers, type Turns } from "./runtime.ts";
export { type Counters, counters } from "./storage/counters.ts";
export { persistentTerm } from "./storage/persistent-term.ts";
export {
  type CounterPosition,
  type CounterUpdate,
  type Heir,
  type Table,
  type TableKind,
  type TableOptions,
  type TableProtection,
  type TableTransfer,
  table,
  whereisTable,
} from "./storage/table.ts";
export {
  type DynamicSupervisor,
  type DynamicSupervisorOptions,
  dynamicSupervisor,
} from "./supervision/dynamic-supervisor.ts";
export type { AutoShutdown, RestartLimits } from "./supervision/flags.ts";
export {
  type PartitionSupervisor,
  type PartitionSupervisorOptions,
  partitionSupervisor,
} from "./supervision/partition-supervisor.ts";
export type { Strategy } from "./supervision/strategy.ts";
export {
  type ChildCounts,
  type ChildInfo,
  type Supervisor,
  type SupervisorModule,
  type SupervisorRef,
  supervisor,
} from "./supervision/supervisor.ts";
export { type TaskSupervisor, type TaskSupervisorOptions, taskSupervisor } from "./supervision/task-supervisor.ts";
export {
  type LaterStep,
  type NoReplyStep,
  type ReplyStep,
  type ServerSteps,
  type StepEffect,
  type StopStep,
  step,
} from "./testing/step.ts";
