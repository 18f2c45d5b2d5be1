import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changeConfig } from "@interlock/core";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { web } from "./http/web.ts";
import newsroom from "./newsroom.ts";

test("a change of the configuration is on the front page and in force in the chat at once, and a wrong one is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "newsroom-config-"));
  const running = await newsroom.start({
    environment: { PORT: "0", NEWSROOM_DATA: join(folder, "data"), NEWSROOM_MOTTO: "The <first> motto" },
  });
  const url = await web.call.url();
  const front = async (): Promise<string> => (await fetch(url)).text();
  expect(await front()).toContain('motto="The &lt;first> motto"');

  const socket = new WebSocket(`${url.replace("http", "ws")}chat`);
  await once(socket, "open");
  const heard = once(socket, "message");
  await changeConfig(newsroom, { motto: "The second one", chat: { perSecond: 1, burst: 2 } });
  expect(JSON.parse(String((await heard)[0]))).toMatchObject({
    code: "NEWSROOM_CHAT_RULES",
    hint: "At most 1 a second, 2 at once.",
  });
  expect(await front()).toContain('motto="The second one"');

  await expect(changeConfig(newsroom, { chat: { burst: "many" } })).rejects.toThrow(/chat\.burst: .*got "many"/);
  await expect(changeConfig(newsroom, { port: 81 })).rejects.toThrow("port cannot change while the newsroom is open");
  expect(await front()).toContain('motto="The second one"');
  socket.terminate();
  await running.stop();
  rmSync(folder, { recursive: true });
}, 60_000);
