import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { Requests } from "./http.ts";

test.each([
  {
    what: "an answer",
    answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    error: undefined,
  },
  {
    what: "an answer with another status",
    answer: "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    error: "HTTP 201",
  },
  {
    what: "half an answer",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    error: "ECONNRESET in the answer",
  },
  {
    what: "a protocol that nobody asked for",
    answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    error: "closed without an answer",
  },
  { what: "nothing", answer: "", error: "ECONNRESET" },
])("the load comes to its end when servers give $what: $error", async ({ answer, error }) => {
  const over = new AbortController();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.end(answer);
      over.abort();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const requests = new Requests(new URL(`http://127.0.0.1:${port}`), "127.0.0.1", () => performance.now());
  await requests.run(over.signal);
  server.close();
  const errors = new Set(requests.records.map((record) => record.error));
  expect([...errors]).toEqual([error]);
});
