/** Enters the room once, reads what was said, and goes. */
import { WebSocket } from "ws";
import type { NewcomerRecord } from "./log.ts";

const TIMEOUT_MS = 5_000;

export async function enter(url: string, now: () => number): Promise<NewcomerRecord> {
  const at = now();
  const socket = new WebSocket(url);
  const history = await new Promise<readonly string[] | undefined>((resolve) => {
    const limit = setTimeout(() => resolve(undefined), TIMEOUT_MS);
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", room: "town-square", name: "Newcomer" })));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(undefined));
    socket.on("message", (data) => {
      const message = JSON.parse((data as Buffer).toString()) as {
        readonly type: string;
        readonly history: readonly { id: string }[];
      };
      if (message.type !== "joined") return;
      clearTimeout(limit);
      resolve(message.history.map(({ id }) => id));
    });
  });
  socket.terminate();
  return { at, history };
}
