/**
 * A node that real Erlang nodes are checked against: the servers, agents and functions of interop-node.md, which other
 * implementations of these checks know as well. `npm run interop-node` starts it as ts@127.0.0.1 with the cookie bb.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { atom, type CreateNodeOptions, createNode, globalNames } from "@interlock/cluster";
import { local, type NodeName, onReport, type Pid, whereis } from "@interlock/core";

import { offerFunctions } from "./interop/functions.ts";
import { groupOf, InteropHost } from "./interop/host.ts";
import { startServer } from "./interop/server.ts";

// Checks end processes all the time: only what nobody asked for is of interest.
onReport(
  (report) => {
    if (report.type === "warning") console.error(`${report.text}:`, report.details);
  },
  { progress: false },
);

const { COOKIE = "bb", EPMD_PORT = "4369", NODE, OVERLAPPING_PARTITIONS, TLS_DIR } = process.env;
const credentials =
  (folder: string): NonNullable<CreateNodeOptions["tls"]> =>
  () => {
    const text = (file: string): string => readFileSync(join(folder, file), "utf8");
    return { key: text("node.key"), cert: text("node.pem"), ca: text("ca.pem"), minVersion: "TLSv1.2" };
  };
const node = await createNode({
  // npm puts the path of node into NODE: to a run by npm the name is given as an argument.
  name: (process.argv[2] ?? (NODE?.includes("@") ? NODE : "ts@127.0.0.1")) as NodeName,
  cookie: COOKIE,
  visible: true,
  global: { preventOverlappingPartitions: OVERLAPPING_PARTITIONS === undefined },
  tickMs: 4_000,
  epmd: { port: Number(EPMD_PORT) },
  ...(TLS_DIR === undefined ? {} : { tls: credentials(TLS_DIR) }),
});
const host = new InteropHost(node);
const servers = new Set(["echo", "counter", "terms", "crasher"]);
const serverOf = (name: string): Pid<unknown> => {
  if (!servers.has(name)) throw new RangeError(`no server is called ${name}`);
  return (whereis(local(name)) ?? startServer(name, host)) as Pid<unknown>;
};
for (const name of servers) serverOf(name);
groupOf(atom("pg"), atom("ts_group")).join(serverOf("echo"));
groupOf(atom("bb_scope"), atom("ts_scoped")).join([serverOf("echo"), serverOf("counter")]);
await globalNames.register(atom("ts_global"), serverOf("counter"));
offerFunctions(node, serverOf);
console.log(`READY ${node.name} port: ${node.address.port}`);
