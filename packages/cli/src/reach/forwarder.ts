/**
 * A port of this machine that leads to a stream: nodes dial by address, and the API server's way to a pod has none. It is on
 * the loopback interface and takes one connection; whoever else might get it still has no cookie.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type Duplex, pipeline } from "node:stream";

const HOST = "127.0.0.1";

/**
 * The stream is destroyed with its connection, or when `signal` is aborted before one has come. Rejects with what has ended the
 * stream by then.
 */
export async function exposeOnce(
  there: Duplex,
  signal: AbortSignal,
): Promise<{ readonly host: string; readonly port: number }> {
  const server = createServer((here) => {
    server.close();
    signal.removeEventListener("abort", aborted);
    // It may have ended before anybody came.
    if (there.destroyed) return void here.destroy();
    pipeline(here, there, here, () => {
      here.destroy();
      there.destroy();
    });
  });
  const aborted = (): void => {
    server.close();
    there.destroy();
  };
  // Whoever made it knows why; here it is an end like any other.
  there.on("error", () => there.destroy());
  server.maxConnections = 1;
  server.listen(0, HOST);
  await once(server, "listening");
  if (there.destroyed || signal.aborted) {
    aborted();
    throw there.errored ?? signal.reason ?? new Error("the connection has ended");
  }
  signal.addEventListener("abort", aborted, { once: true });
  there.once("close", () => server.close());
  return { host: HOST, port: (server.address() as AddressInfo).port };
}
