/** The program of a pod for tests: a web server in a tree. By its environment it hangs, gives up or takes its time. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { application, genServer, local, reply, self, supervisor } from "@interlock/core";
import { drainHttp, onDrain, runPod } from "../index.ts";

const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

const Web = genServer({
  name: "web",
  init: async () => {
    self().trapExit();
    const server = createServer((request, response) => {
      if (request.url === "/hang") for (;;);
      if (request.url === "/give-up") for (const _ of Array(3)) void Web.at(local("web")).cast.crash();
      if (request.url === "/slow") return void setTimeout(() => response.end("slow\n"), 700);
      response.end("hello\n");
    });
    drainHttp(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  },
  casts: {
    crash: () => {
      throw new Error("as it was told");
    },
  },
  calls: { port: ({ state }) => reply((state.address() as AddressInfo).port) },
  terminate: ({ state }) => {
    state.close();
    say({ stopped: "web" });
  },
});

const sup = supervisor({
  name: "sup",
  strategy: "one_for_one",
  intensity: 1,
  periodMs: 60_000,
  children: () => [Web.child([], { name: local("web") })],
});

const program = application({ name: "program", version: "1.0.0", start: () => sup.startLink() });

onDrain({ name: "state", phase: "handoff", run: () => say({ handedOver: true }) });

const pod = await runPod(program, { managementPort: 0, hangMs: Number(process.env["HANG_MS"] ?? 10_000) });
say({ management: pod.managementPort, port: await Web.at(local("web")).call.port() });
