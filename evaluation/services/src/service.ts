/** What the two services have in common, all but how they are stopped. */
import { createServer, type Server } from "node:http";
import express from "express";
import { WebSocketServer } from "ws";
import { accept, breakRoom } from "./chat.ts";
import { failAstray, poison, quote, startTicker } from "./ticker.ts";

const articles = Array.from({ length: 40 }, (_, index) => ({
  id: index + 1,
  number: index + 1,
  title: `Printed as number ${index + 1}`,
  summary: "What stands in the paper, in short. ".repeat(4),
}));

let whenDown: "serve_stale" | "propagate" = "serve_stale";

const acts: Readonly<Record<string, (seconds: number) => void>> = {
  "serve-stale": () => {
    whenDown = "serve_stale";
  },
  "chat-room-crash": () => breakRoom("town-square"),
  "ticker-timer": failAstray,
  "ticker-meltdown": (seconds) => poison(seconds * 1_000),
};

export interface Service {
  readonly server: Server;
  readonly sockets: WebSocketServer;
  readonly listen: () => void;
}

export function makeService(): Service {
  const port = Number(process.env["PORT"]);
  const app = express();
  app.use(express.json());
  app.get("/healthz", (_request, response) => void response.json({ status: "ok" }));
  app.get("/api/articles", (request, response) => {
    const limit = Number(request.query["limit"] ?? 40);
    response.json({ articles: articles.slice(0, limit) });
  });
  app.get("/api/ticker", (_request, response) => {
    const view = quote();
    response.status(view.state === "error" && whenDown === "propagate" ? 503 : 200).json(view);
  });
  app.post("/api/break/:what", (request, response) => {
    acts[request.params.what]?.(Number(request.query["seconds"]));
    response.json({ message: "So be it." });
  });
  const server = createServer(app);
  const sockets = new WebSocketServer({ server, path: "/chat", maxPayload: 8_192, perMessageDeflate: false });
  sockets.on("connection", accept);
  startTicker();
  return { server, sockets, listen: () => void server.listen(port) };
}
