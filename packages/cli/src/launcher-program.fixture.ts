/** A launcher in a program of its own, for tests that send it signals: three nodes; says where they are once they are up. */
import { runLocally } from "./run-locally.ts";

const entry = new URL("./platform/node-program.fixture.ts", import.meta.url);
const { GRACE_MS = "10000" } = process.env;
const { platform, url } = await runLocally({
  app: "news",
  entry,
  port: 0,
  limits: { graceMs: Number(GRACE_MS), hurryMs: Number(GRACE_MS) },
});
console.log(`UP ${JSON.stringify({ url, nodes: platform.nodes() })}`);
