/** The public names of @interlock/kubernetes, and nothing else. */

export {
  type Applied,
  connectKubernetes,
  type DeleteOptions,
  type KubernetesApi,
  type KubernetesApiOptions,
  kubernetesApi,
  type ListOptions,
  type Page,
  type WriteOptions,
} from "./client/api.ts";
export {
  type ApiCredentials,
  type Configuration,
  findConfiguration,
  type InClusterOptions,
  inCluster,
  type KubeconfigOptions,
  kubeconfig,
} from "./client/configuration.ts";
export type { Handlers } from "./client/deliveries.ts";
export type { RecordedEvent } from "./client/event-series.ts";
export { type EventRecorder, type EventRecorderOptions, eventRecorder, eventResource } from "./client/events.ts";
export { holdBy, letGo } from "./client/finalizers.ts";
export { httpTransport } from "./client/http-transport.ts";
export { type KubernetesLeasesOptions, kubernetesLeases, leaseObjectName } from "./client/leases.ts";
export type { IndexFunction } from "./client/object-store.ts";
export { byOwner, controllerOf, ownerReference } from "./client/owners.ts";
export { type Reflector, type ReflectorOptions, type ReflectorStatus, reflector } from "./client/reflector.ts";
export type { RequestOptions } from "./client/requester.ts";
export {
  inNamespace,
  type Json,
  type KubernetesObject,
  type KubernetesType,
  keyOf,
  type ObjectMeta,
  type OwnerReference,
  pathOf,
  type Resource,
  resource,
  type Stored,
} from "./client/resource.ts";
export type { ApiRequest, ApiResponse, ApiTransport } from "./client/transport.ts";
export type { Selection, WatchEvent, WatchQuery } from "./client/watch.ts";
export {
  type WorkAgain,
  type WorkContext,
  type WorkQueue,
  type WorkQueueOptions,
  type WorkQueueStatus,
  workQueue,
} from "./client/work-queue.ts";
export type { Failing } from "./client/work-queue-state.ts";
export {
  type ConfigFiles,
  type ConfigStatus,
  type FollowConfigOptions,
  type FollowedConfig,
  followConfig,
} from "./config/follow.ts";
export { type MountedConfigOptions, mountedConfig } from "./config/mounted.ts";
export { podConfig } from "./config/pod-config.ts";
export { type EndpointSlicesOptions, endpointSlices } from "./discovery/endpoint-slices.ts";
export {
  isKubernetesError,
  KubernetesError,
  type KubernetesErrorCode,
  type KubernetesErrorDetails,
  kubernetesHints,
} from "./errors.ts";
export { type DrainBudgets, defaultBudgets, fitInto, longestDrainMs } from "./pod/drain/budgets.ts";
export { drainCluster, drainPlacement } from "./pod/drain/cluster.ts";
export { type DrainableServer, drainHttp } from "./pod/drain/http.ts";
export { type DrainPhase, podExitCodes } from "./pod/drain/machine.ts";
export {
  type DrainableWebSocket,
  type DrainableWebSocketServer,
  type DrainWebSocketsOptions,
  drainWebSockets,
} from "./pod/drain/websockets.ts";
export { fitHeap, type HeapPlan } from "./pod/memory.ts";
export type { PodOptions } from "./pod/options.ts";
export { mountedCredentials, type PodPlace, type PodPlaceOptions, podPlace } from "./pod/place.ts";
export {
  type DrainParticipant,
  onDrain,
  type ParticipantPhase,
  PodRegistry,
  type ReadinessCheck,
  readyWhen,
} from "./pod/registry.ts";
export { type Pod, runPod } from "./pod/run.ts";
