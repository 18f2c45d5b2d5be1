/** One of the nodes of `mesh.ts`. Arguments: how it comes to its connections, its number, how many there are, the name server's port. */

import { once } from "node:events";
import { createNode, joinCluster, localNodes } from "@interlock/cluster";
import { defaultNode, type NodeName } from "@interlock/core";

defaultNode().progress = false;
defaultNode().onReport = () => undefined;

const [way, ...numbers] = process.argv.slice(2);
const [own = 0, count = 0, epmdPort = 0] = numbers.map(Number);
const nameOf = (index: number): NodeName => `ours_m${index}@127.0.0.1`;
const node = await createNode({ name: nameOf(own), cookie: "bb", epmd: { port: epmdPort } });
// Before it is told to begin: the others may have been, and connect to this one already.
const full = new Promise<void>((resolve) => {
  const look = (): void => {
    if (node.nodes("connected").length === count - 1) resolve();
  };
  node.watchNodes(look);
  look();
});
// Together with the program that has started it.
process.stdin.on("end", () => process.exit());
console.log("ready");
await once(process.stdin, "data");

if (way === "cluster") await joinCluster(node, { discovery: [localNodes()] });
else {
  const others = Array.from({ length: count }, (_, index) => index).filter((index) => index !== own);
  await Promise.all(others.map((other) => node.connect(nameOf(other))));
}
await full;
console.log("full");
