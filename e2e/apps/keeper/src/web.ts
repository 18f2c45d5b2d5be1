/** What visitors and the tests ask of a pod. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { MembershipChange } from "@interlock/cluster";
import { genServer, getEnv, self } from "@interlock/core";
import { drainHttp } from "@interlock/kubernetes";
import { plantWriter } from "./clerk.ts";
import type { Place } from "./keeper.ts";
import { post } from "./post.ts";
import { keystone, patient, wardHistory } from "./ward.ts";

const PORT = 8_080;
const SLOW_MS = 1_500;

/** Epoch, milliseconds. */
interface Change {
  readonly node: string;
  readonly to: string;
  readonly at: number;
}

const startedAt = performance.timeOrigin;
const changes: Change[] = [];

export const WebServer = genServer({
  name: "web",
  async init(place: Place): Promise<Server> {
    self().trapExit();
    const note = ({ member: { node, state } }: MembershipChange): void => {
      changes.push({ node, to: state, at: Date.now() });
    };
    self().own({ close: place.cluster.watch(note) });
    const server = createServer((asked, answer) => {
      void serve(place, asked, answer).catch((error: unknown) => {
        answer.writeHead(500).end(String(error));
      });
    });
    // Longer than visitors stay idle.
    server.keepAliveTimeout = 75_000;
    self().own({ close: () => server.closeAllConnections() });
    drainHttp(server);
    server.listen(PORT);
    await once(server, "listening");
    return server;
  },
  async terminate({ state: server }) {
    const closed = once(server, "close");
    server.close();
    await closed;
  },
});

async function serve(place: Place, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of asked) bytes += (chunk as Buffer).length;
  const path = asked.url ?? "/";
  const act = asked.method === "POST" ? acts[path] : undefined;
  if (act !== undefined) answer.end(JSON.stringify(act(place) ?? {}));
  else if (path === "/state") answer.end(JSON.stringify(await stateOf(place)));
  else {
    if (path === "/slow") await delay(SLOW_MS);
    answer.end(JSON.stringify({ pod: place.pod, bytes }));
  }
}

const acts: Readonly<Record<string, (place: Place) => unknown>> = {
  "/break/process": () => patient.cast.crash(0),
  "/break/stray": () => patient.cast.stray(),
  // Twice in a row is what its supervisor bears; the third time it gives up, and is started anew itself.
  "/break/loop": () => patient.cast.crash(3),
  "/break/root": () => keystone.cast.remove(),
  "/break/hang": () => {
    for (;;);
  },
  "/plant/token": ({ clerk, node }) => plantWriter(node.name, clerk.token),
  "/plant/none": ({ node }) => plantWriter(node.name, undefined),
};

async function stateOf({ clerk, cluster, node, pod }: Place): Promise<object> {
  const members = cluster.members();
  return {
    pod,
    node: node.name,
    startedAt,
    members: members.map(({ node: member, state }) => `${member} ${state}`).sort(),
    agreed: cluster.agreement().agreed,
    clerk: clerk.holder,
    ward: wardHistory(),
    settings: {
      greeting: getEnv("keeper", "greeting"),
      pace: getEnv("keeper", "pace"),
      passwordHash: createHash("sha256")
        .update(String(getEnv("keeper", "password")))
        .digest("hex"),
    },
    letters: await post.call.letters(),
    changes,
  };
}
