/** A node for tests: it serves who it is, and does what its paths and its environment (MODE) tell it. */
import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { NodeName } from "@interlock/core";
import { draining, launchedNode, platform, ready } from "../child.ts";

const { BYE = "", MODE = "plain" } = process.env;

const launched = launchedNode();
const id = launched?.id ?? "alone";
/** Of a cluster only where a test wants one. */
const { createNode } = MODE === "cluster" ? await import("@interlock/cluster") : {};
const node = launched && (await createNode?.(launched));

const server = createServer((request, response) => {
  void answer(new URL(request.url ?? "/", "http://node"), response);
});

async function answer({ pathname: path, searchParams: query }: URL, response: ServerResponse): Promise<void> {
  if (path === "/exit") process.exit(3);
  if (path === "/hang") for (;;);
  if (path === "/drain") draining();
  if (path === "/connect") await node?.connect(query.get("to") as NodeName);
  const body = path === "/platform" ? await asked(query) : { id, nodes: node?.nodes("connected") };
  response.end(JSON.stringify(body));
}

/** What this node asks of its platform, and what comes of it. */
async function asked(query: URLSearchParams): Promise<unknown> {
  const client = platform();
  const other = query.get("id") ?? "";
  try {
    switch (query.get("act")) {
      case "kill":
        await client?.kill(other);
        return "done";
      case "stop":
        await client?.stop(other);
        return "done";
      case "start":
        await client?.startAgain(other);
        return "done";
      default:
        return await client?.nodes();
    }
  } catch (error) {
    return { code: (error as { code: string }).code };
  }
}

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
