/** What a command talks to: whoever reads its answer, whoever watches it, and the API server. Tests put their own here. */
import type { ApiTransport, KubernetesApi } from "@interlock/kubernetes";

/** A stream of text; what a terminal says of itself is known when it is one. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The API server as operations, and as a transport for what is no operation on an object. */
export interface Connection {
  readonly api: KubernetesApi;
  readonly transport: ApiTransport;
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
    return { transport, api: kubernetesApi({ transport, namespace: configuration.namespace }) };
  },
};
