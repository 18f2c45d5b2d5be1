/** What a command talks to: whoever reads its answer, whoever watches it, and the API server. Tests put their own here. */
import type { Duplex } from "node:stream";
import type { ApiTransport, KubernetesApi } from "@interlock/kubernetes";

/** A stream of text; what a terminal says of itself is known when it is one. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A port of a pod. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** The API server as operations, as a transport for what is no operation on an object, and as a way to the ports of pods. */
export interface Connection {
  readonly api: KubernetesApi;
  readonly transport: ApiTransport;
  /** A connection to that port, as `kubectl port-forward` makes them. */
  forward(to: PodPort, signal: AbortSignal): Promise<Duplex>;
}

export interface Terminal {
  /** For the answer, which programs read. */
  readonly out: TextStream;
  /** For everything else. */
  readonly talk: TextStream;
  /** **Errors** `INTERLOCK_KUBERNETES_CONFIG`. */
  connect(context: string | undefined): Promise<Connection>;
}

export const terminal: Terminal = {
  out: process.stdout,
  talk: process.stderr,
  connect: async (context) => {
    // Only here: most of what a command takes to start.
    const { findConfiguration, httpTransport, kubernetesApi } = await import("@interlock/kubernetes");
    const configuration = await findConfiguration({ context });
    const transport = httpTransport(configuration);
    const api = kubernetesApi({ transport, namespace: configuration.namespace });
    const forward: Connection["forward"] = async (to, signal) =>
      (await import("../reach/port-forward.ts")).portForward(configuration, to, signal);
    return { transport, api, forward };
  },
};
