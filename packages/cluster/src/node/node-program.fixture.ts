/** A node in a program of its own, for tests that kill it: its name and the port of its name server are the arguments. */
import { defaultNode, local, type NodeName } from "@interlock/core";

import { createNode } from "./node.ts";
import { Echo, Hang, Where } from "./servers.fixture.ts";

const [name, epmdPort] = process.argv.slice(2);
await Echo.named(local("echo")).start();
await Where.named(local("where")).start();
await Hang.named(local("hang")).start();
await createNode({ name: name as NodeName, cookie: "a secret of this test", epmd: { port: Number(epmdPort) } });
// The node itself keeps no program alive.
defaultNode().runtime.program.keepAlive();
process.stdout.write("ready\n");
