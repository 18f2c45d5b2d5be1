/** `monitor_node` by what the node tells of others' coming and going: each call gives one `{nodedown, Node}`. */
import { atom, type ClusterNode, tuple } from "@interlock/cluster";
import { type NodeName, type Pid, type Self, send } from "@interlock/core";

export class Watching {
  readonly #node: ClusterNode;
  readonly #waiting = new Map<NodeName, Pid<unknown>[]>();

  constructor(node: ClusterNode) {
    this.#node = node;
    node.watchNodes(({ type, node: name }) => {
      if (type === "nodedown") this.#down(name);
    });
  }

  watch({ pid }: Self<unknown>, name: NodeName, on: boolean): void {
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.set(name, waiting);
    if (!on) {
      const at = waiting.indexOf(pid);
      if (at >= 0) waiting.splice(at, 1);
      return;
    }
    waiting.push(pid);
    if (!this.#node.nodes("connected").includes(name)) this.#node.connect(name).catch(() => this.#down(name));
  }

  #down(name: NodeName): void {
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const pid of waiting) send(pid, tuple(atom("nodedown"), atom(name)));
  }
}
