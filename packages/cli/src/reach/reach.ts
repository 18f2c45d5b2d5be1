/** How the commands reach the nodes of an application, wherever they run. */
import type { CreateNodeOptions } from "@interlock/cluster";
import type { NodeName } from "@interlock/core";

export interface KnownNode {
  /** What people call it: a pod's name, or a launcher's id for it. */
  readonly id: string;
  readonly name: NodeName;
  /** As whoever runs it sees it: `ready`, `not ready`, `failed`. Undefined: nobody has said. */
  readonly state: string | undefined;
}

/** What it takes to be a node beside them for a while. */
export interface Reach {
  /** For people: `newsroom in town`. */
  readonly where: string;
  readonly nodes: readonly KnownNode[];
  /** Of the name of the node that joins them for a while. */
  readonly host: string;
  readonly options: Pick<CreateNodeOptions, "cookie" | "tls" | "lookup">;
  /** What stood in the way to that node, where more is known of it than that there is no connection. */
  why?(node: NodeName): string | undefined;
  close(): Promise<void>;
}
