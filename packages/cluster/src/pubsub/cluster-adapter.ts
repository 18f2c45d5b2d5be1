/**
 * PubSub across the nodes of a cluster: a process of each node is a member of a process group, and gets each broadcast once,
 * whatever the number of subscribers there. Its message is the one of Phoenix.PubSub.PG2:
 * `{forward_to_local, Topic, Message, Dispatcher}`.
 *
 * @see https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.PG2.html
 */
import { InterlockError, type LocalNode, send } from "@interlock/core";
import { type LocalPid, registerName } from "@interlock/core/distribution";
import { type Atom, atom, Tuple, tuple } from "@interlock/wire";
import { GroupName } from "../groups/group-name.ts";
import type { GroupEvent } from "../groups/monitors.ts";
import { scopeOn } from "../groups/scope.ts";
import { StandingProcess } from "../groups/standing-process.ts";
import type { PubSubAdapter, PubSubAdapterOptions, PubSubLink } from "./adapter.ts";

const FORWARD = atom("forward_to_local");

export interface ClusterAdapterOptions {
  /** The scope of the process groups by which nodes find each other. Default `pg`. */
  readonly scope?: string;
}

/** The adapter of a PubSub whose nodes are all Interlock's. */
export function clusterAdapter({ scope = "pg" }: ClusterAdapterOptions = {}): PubSubAdapter {
  return {
    start: (options) =>
      start(options, {
        scope,
        groups: [new GroupName(tuple("interlock_pubsub", options.name))],
        registered: [],
        dispatcher: atom("interlock"),
      }),
  };
}

export interface PhoenixAdapterOptions {
  /** `pool_size` of the PubSub there. Default 1. */
  readonly poolSize?: number;
}

/**
 * The adapter of a PubSub that Elixir's nodes are part of: `pubsub({ name: "My.PubSub", adapter: phoenixAdapter() })` is
 * their `{Phoenix.PubSub, name: My.PubSub}`. The node must be visible to them.
 */
export function phoenixAdapter({ poolSize = 1 }: PhoenixAdapterOptions = {}): PubSubAdapter {
  if (!Number.isInteger(poolSize) || poolSize < 1)
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad poolSize: expected 1 or more, got ${poolSize}`, {
      argument: "poolSize",
      got: String(poolSize),
      expected: "a whole number, 1 or more",
    });
  return {
    start(options) {
      const first = `Elixir.${options.name}.Adapter`;
      // Who broadcasts there chooses one of the pool's groups; all must lead here.
      const registered = Array.from({ length: poolSize }, (_, at) => (at === 0 ? first : `${first}_${at + 1}`));
      return start(options, {
        scope: "Elixir.Phoenix.PubSub",
        groups: registered.map((name) => new GroupName(atom(name))),
        registered,
        dispatcher: atom("Elixir.Phoenix.PubSub"),
      });
    },
  };
}

interface Form {
  readonly scope: string;
  /** Of each a process is a member. Broadcasts go to those of the first. */
  readonly groups: readonly GroupName[];
  /** What those processes are called, if they are. */
  readonly registered: readonly string[];
  /** What has the message dispatched there. */
  readonly dispatcher: Atom;
}

function start({ deliver, name, node, reached }: PubSubAdapterOptions, form: Form): PubSubLink {
  const scope = scopeOn(node, form.scope);
  form.groups.forEach((group, at) => {
    const receiver = new StandingProcess(node, {
      label: `pubsub ${name}`,
      begin: (process) => {
        const called = form.registered[at];
        if (called !== undefined) registerName(node, called, process.pid);
        scope.join(group, [process.pid]);
        if (at === 0) scope.monitors.add(group, process.pid);
      },
      receive: (_self, message) => {
        if (isGroupEvent(message)) {
          const { change, pids } = message;
          return change === "join" && pids.some((pid) => isAway(pid as LocalPid, node)) ? reached() : undefined;
        }
        if (!(message instanceof Tuple) || message.elements.length !== 4) return;
        const [tag, topic, forwarded] = message.elements;
        if (tag === FORWARD && typeof topic === "string") deliver(topic, forwarded);
      },
    });
    void receiver.pid;
  });
  const first = form.groups[0] as GroupName;
  return {
    broadcast(topic, message) {
      const forward = tuple(FORWARD, topic, message, form.dispatcher);
      for (const pid of scope.members(first)) if (isAway(pid, node)) send(pid as never, forward as never);
    },
  };
}

function isGroupEvent(message: unknown): message is GroupEvent {
  return (message as { type?: unknown } | null)?.type === "group";
}

function isAway(pid: LocalPid, node: LocalNode): boolean {
  return pid.home !== node;
}
