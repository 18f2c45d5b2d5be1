/** The nodes behind the balancer: who is asked next, how many exchanges each has open, and the connections kept to them. */
import { Agent } from "node:http";
import { choose, type Upstream, type Wish } from "./choose.ts";

/** A node for one exchange. */
export interface Taken extends Upstream {
  /** Its kept connections. */
  readonly agent: Agent;
  /** The exchange is over; later calls change nothing. */
  readonly release: () => void;
}

interface Kept {
  readonly url: string;
  readonly agent: Agent;
}

export class UpstreamPool {
  readonly #upstreams: () => readonly Upstream[];
  readonly #open = new Map<string, number>();
  readonly #kept = new Map<string, Kept>();
  #last: string | undefined;

  constructor(upstreams: () => readonly Upstream[]) {
    this.#upstreams = upstreams;
  }

  /** Exchanges that a node has open. */
  openAt(id: string): number {
    return this.#open.get(id) ?? 0;
  }

  take(tried: ReadonlySet<string>, wish: Wish): Taken | undefined {
    this.refresh();
    const upstream = choose(this.#upstreams(), (id) => this.openAt(id), this.#last, tried, wish);
    if (upstream === undefined) return undefined;
    const { id } = upstream;
    this.#last = id;
    this.#open.set(id, this.openAt(id) + 1);
    let isOpen = true;
    const release = (): void => {
      if (!isOpen) return;
      isOpen = false;
      const left = this.openAt(id) - 1;
      if (left === 0) this.#open.delete(id);
      else this.#open.set(id, left);
    };
    return { ...upstream, agent: this.#agentOf(upstream), release };
  }

  /** Closes idle connections to nodes that take no visitors any more; those in use close when they are done. */
  refresh(): void {
    const current = this.#upstreams();
    for (const [id, { agent, url }] of this.#kept) {
      if (current.some((one) => one.id === id && one.url === url)) continue;
      this.#kept.delete(id);
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    for (const { agent } of this.#kept.values()) agent.destroy();
    this.#kept.clear();
  }

  #agentOf({ id, url }: Upstream): Agent {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept.agent;
    const agent = new Agent({ keepAlive: true });
    this.#kept.set(id, { url, agent });
    return agent;
  }
}
