/** The program of a pod for tests: a web server in a tree. What is asked of it, it does: hang, crash, take its time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { setInterval, setTimeout } from "node:timers";
import { getHeapStatistics } from "node:v8";
import { application, genServer, getEnv, local, reply, type StandardSchema, self, supervisor } from "@interlock/core";
import { drainHttp, onDrain, readyWhen, runPod } from "../index.ts";

const { HANG_MS: hangMs = "10000", LATE_MS: lateMs = "1000", MODE: mode, PORT: port = "0" } = process.env;
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

function block(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
}

/** What is written to a pipe is out when the call returns. */
function hang(): never {
  say({ hangs: true });
  for (;;);
}

let problem: string | undefined;

const Web = genServer({
  name: "web",
  init: async () => {
    self().trapExit();
    const server = createServer((request, response) => {
      if (request.url === "/hang") hang();
      if (request.url === "/crash") web.cast.crash();
      if (request.url === "/ill") problem = "it does not feel well";
      if (request.url === "/busy") setInterval(() => block(150), 200);
      // A grandchild that ends after its parent: then it is a child of PID 1.
      if (request.url === "/orphan") spawn("sh", ["-c", "(sleep 0.2; exit 3) & exit 0"], { stdio: "ignore" });
      if (request.url === "/price") response.end(String(getEnv("program", "price")));
      else if (request.url === "/slow") setTimeout(() => response.end("slow"), 300);
      else if (request.url !== "/endless") response.end("hello");
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
const web = Web.at(local("web"));

const sup = supervisor({
  name: "sup",
  strategy: "one_for_one",
  intensity: 0,
  children: () => [Web.child([], { name: local("web") })],
});

const issues = [{ message: "expected a number", path: ["price"] }];
const nothing: StandardSchema<object> = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) } };

const priced: StandardSchema<object> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => (Number((value as { price: string }).price) > 0 ? { value: value as object } : { issues }),
  },
};

const program = application({
  name: "program",
  version: "1.0.0",
  ...(mode === "config" && { config: nothing }),
  ...(mode === "price" && { config: priced }),
  start: () => {
    if (mode === "start") throw new Error("no power");
    if (mode === "long start") block(Number(hangMs) * 2);
    return sup.startLink();
  },
});

readyWhen({ name: "wellness", check: () => problem });
onDrain({
  name: "state",
  phase: "handoff",
  run: async (signal) => {
    say({ handoff: "begun" });
    if (mode === "handoff") await once(signal, "abort");
    say({ handoff: signal.aborted ? "cut" : "done" });
    return { moved: 1 };
  },
});

const pod = await runPod(program, { managementPort: Number(port), hangMs: Number(hangMs), lateMs: Number(lateMs) });
const heapMiB = Math.round(getHeapStatistics().heap_size_limit / 1_048_576);
say({ management: pod.managementPort, port: await web.call.port(), pid: process.pid, heapMiB });
