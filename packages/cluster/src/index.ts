/** The public names of @interlock/cluster, and nothing else. */

export {
  Atom,
  atom,
  Binary,
  BitString,
  Charlist,
  Float,
  Fun,
  ImproperList,
  NativeRecord,
  Port,
  Tuple,
  tuple,
} from "@interlock/wire";
export type { ArbiterOptions, ArbiterStatus } from "./arbiter/arbiter.ts";
export {
  type Cache,
  type CacheBase,
  type CacheOptions,
  cache,
  type Fetched,
  type LoadingCache,
  type LoadingCacheOptions,
} from "./cache/cache.ts";
export type { CacheMode, CacheStatistics } from "./cache/replica.ts";
export type { CacheKey } from "./cache/state.ts";
export type { Discovery, DiscoveryContext, LookupDiscovery, WatchDiscovery } from "./discovery/discovery.ts";
export type { DiscoveryStatus } from "./discovery/findings.ts";
export { type HeadlessServiceOptions, headlessService } from "./discovery/headless-service.ts";
export { type LocalNodesOptions, localNodes } from "./discovery/local.ts";
export { staticNodes } from "./discovery/static.ts";
export { registeredNodes } from "./epmd/client.ts";
export { startEpmd } from "./epmd/server.ts";
export { ClusterError, type ClusterErrorCode, type ClusterErrorDetails, clusterHints } from "./errors.ts";
export {
  type Group,
  type GroupMonitor,
  type GroupOptions,
  group,
  monitorScope,
  type ScopeMonitor,
  whichGroups,
} from "./groups/group.ts";
export type { GroupEvent } from "./groups/monitors.ts";
export type { Failure } from "./inspection/failures.ts";
export { type InspectionFunctions, inspection, type NodeFacts, offerInspection } from "./inspection/inspection.ts";
export type { TreeNode } from "./inspection/outline.ts";
export type { ProcessOrder, ProcessRow, ProcessRows } from "./inspection/process-rows.ts";
export type { LeaseTiming } from "./lease/elector.ts";
export { type FileLeasesOptions, fileLeases } from "./lease/file-leases.ts";
export {
  type Lease,
  type LeaseAnswer,
  type LeaseCell,
  type LeaseRecord,
  type Leases,
  leaseIn,
} from "./lease/lease.ts";
export { memoryLeases } from "./lease/memory-leases.ts";
export { type Agreement, type Cluster, type JoinClusterOptions, joinCluster } from "./membership/cluster.ts";
export type { MembershipChange } from "./membership/state.ts";
export { type Difference, type Member, type MemberState, type View, viewDifferences } from "./membership/view.ts";
export type { ConflictMethod } from "./names/global/conflicts.ts";
export { globalName } from "./names/global/global-name.ts";
export { type GlobalNameOptions, type GlobalNames, globalNames } from "./names/global/global-names.ts";
export type { GlobalOptions } from "./names/global/life.ts";
export { type Singleton, type SingletonOptions, singleton } from "./names/singleton.ts";
export { exactTerms } from "./node/exact-terms.ts";
export { ErlangError } from "./node/exit-terms.ts";
export { monitorNodes } from "./node/monitor-nodes.ts";
export type { NodeEvent } from "./node/net-kernel.ts";
export { type ClusterNode, type CreateNodeOptions, createNode } from "./node/node.ts";
export {
  type Handoff,
  type PlacedKey,
  type Placement,
  type PlacementBase,
  type PlacementChildOptions,
  type PlacementOptions,
  placement,
} from "./placement/placement.ts";
export type { PlacementStore } from "./placement/plan.ts";
export { type PlacementMember, type PlacementRequest, place, placementOrder } from "./placement/rendezvous.ts";
export type { DrainResult } from "./placement/tally.ts";
export {
  type Address,
  dnsResolver,
  type Listener,
  nodePorts,
  type Ports,
  type Resolver,
  type ResolverOptions,
  type SharedFiles,
  type Socket,
  type SocketEvents,
} from "./ports.ts";
export {
  type Presence,
  type PresenceChange,
  type PresenceEvent,
  type PresenceOptions,
  presence,
} from "./presence/presence.ts";
export { localAdapter, type PubSubAdapter, type PubSubAdapterOptions, type PubSubLink } from "./pubsub/adapter.ts";
export {
  type ClusterAdapterOptions,
  clusterAdapter,
  type PhoenixAdapterOptions,
  phoenixAdapter,
} from "./pubsub/cluster-adapter.ts";
export { type PubSub, type PubSubOptions, pubsub, type Subscriber, type Topic } from "./pubsub/pubsub.ts";
export { type OnNodeOptions, onNode, type RemoteClient } from "./rpc/on-node.ts";
export { type RemoteFunctions, type RemoteFunctionsOptions, remoteFunctions } from "./rpc/remote-functions.ts";
export { connect, type RemoteNode } from "./rpc/remote-node.ts";
