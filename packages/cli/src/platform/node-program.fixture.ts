import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { draining, launchedNode, platform, ready } from "../child.ts";

const s = createServer((q, r) => {
  if (q.url === "/exit") process.exit(3);
  if (q.url === "/hang") for (;;);
  r.end(`${launchedNode()?.id} ${JSON.stringify(q.headers)}\n`);
});
s.listen(0, "127.0.0.1", () => {
  console.log("listening");
  ready({ url: `http://127.0.0.1:${(s.address() as AddressInfo).port}` });
});
process.on("SIGTERM", () => {
  console.log("SIGTERM");
  draining();
  s.close(() => process.exit(0));
  s.closeIdleConnections();
});
console.log(JSON.stringify(launchedNode()), (await platform()?.nodes())?.length);
