/**
 * The port to an API server: a request in, a status and a stream of bytes out. Whoever implements it knows addresses,
 * certificates and tokens, and nothing of Kubernetes' objects. Tests and simulations put a server of their own here.
 */

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ends the request, and the stream of its answer, at any time. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Read to its end, or given up by the request's signal; else its connection is never free again. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ApiTransport {
  /** How messages name it: `https://10.96.0.1:443`. */
  readonly server: string;
  /** Rejects when there is no answer. An answer is whatever has a status. */
  request(request: ApiRequest): Promise<ApiResponse>;
  /** Ends connections that are idle; what runs goes on. */
  close(): void;
}
