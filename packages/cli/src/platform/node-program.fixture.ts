/** A node for tests: it serves who it is, and does what its paths and its environment (MODE) tell it. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { NodeName } from "@interlock/core";
import { draining, launchedNode, platform, ready } from "../child.ts";

const { BYE = "", MODE = "plain" } = process.env;

const launched = launchedNode();
const id = launched?.id ?? "alone";
/** Of a cluster only where a test wants one. */
const { createNode } = MODE === "cluster" ? await import("@interlock/cluster") : {};
const node = launched && (await createNode?.(launched));

const server = createServer(async (request, response) => {
  const { searchParams: query, pathname: path } = new URL(request.url ?? "/", "http://node");
  if (path === "/exit") process.exit(3);
  if (path === "/hang") for (;;);
  if (path === "/drain") draining();
  if (path === "/slow") await delay(Number(query.get("ms")));
  if (path === "/connect") await node?.connect(query.get("to") as NodeName);
  if (path === "/events") return void response.write("data: open\n\n");
  if (path === "/platform") {
    const { kill, nodes, startAgain, stop } = platform() ?? {};
    const [act, other = ""] = [query.get("act") ?? "", query.get("id") ?? ""];
    const acts = new Map(Object.entries({ kill, stop, start: startAgain }));
    const done = acts.get(act)?.(other) ?? nodes?.();
    const answer = await done?.catch((error: unknown) => ({ code: (error as { code: string }).code }));
    return void response.end(JSON.stringify(answer ?? "done"));
  }
  response.end(JSON.stringify({ id, nodes: node?.nodes("connected") }));
});

process.on("SIGTERM", () => {
  if (MODE === "stubborn") return console.log("no");
  console.log("bye");
  if (BYE !== "") writeFileSync(`${BYE}/${id}`, "bye");
  draining();
  server.close(() => process.exit(0));
});

console.log(`${id} starts`);
if (MODE === "failing") throw new Error("this node never starts");
server.listen(0, "127.0.0.1", () => {
  if (MODE !== "mute") ready({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
