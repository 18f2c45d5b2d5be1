/** The platform for its own nodes: HTTP on the loopback interface, for those who have the token. */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CliError } from "../errors.ts";
import type { NodeControl, PlatformNode } from "./platform.ts";

export interface ControlServer {
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

type Controlled = NodeControl & { nodes(): readonly PlatformNode[] };

const ACT = /^\/nodes\/([^/]+)\/(kill|stop|start)$/;

export async function startControlServer(platform: Controlled, token: string): Promise<ControlServer> {
  const server = createServer((request, response) => {
    request.resume();
    void answer(platform, token, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  platform: Controlled,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const say = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (!isSame(request.headers.authorization ?? "", `Bearer ${token}`))
    return say(403, { message: "the token is not this launcher's" });
  const { method, url = "" } = request;
  if (method === "GET" && url === "/nodes") return say(200, platform.nodes());
  const [, id, act] = ACT.exec(url) ?? [];
  if (method !== "POST" || id === undefined) return say(404, { message: "there is nothing of that name" });
  try {
    const node = decodeURIComponent(id);
    if (act === "kill") await platform.kill(node);
    else if (act === "stop") await platform.stop(node);
    else await platform.startAgain(node);
    say(202, {});
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof CliError) say(404, { code: error.code, message });
    else say(400, { message });
  }
}

function isSame(got: string, expected: string): boolean {
  const [a, b] = [Buffer.from(got), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
