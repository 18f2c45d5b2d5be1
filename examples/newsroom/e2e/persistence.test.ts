/** Articles outlive the newsroom, whether it is stopped or killed. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type RunningNewsroom, startNewsroom } from "./newsroom-process.ts";

void describe("articles", { timeout: 120_000 }, () => {
  let directory: string;
  let newsroom: RunningNewsroom;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "newsroom-e2e-"));
    newsroom = await startNewsroom(directory);
  });
  after(async () => {
    await newsroom?.end("SIGKILL");
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  async function print(title: string): Promise<void> {
    const response = await fetch(`${newsroom.url}/api/articles`, {
      method: "POST",
      body: JSON.stringify({ title, body: "It was so." }),
    });
    assert.equal(response.status, 201);
  }

  async function titles(): Promise<readonly string[]> {
    const { articles } = (await (await fetch(`${newsroom.url}/api/articles`)).json()) as {
      articles: { title: string }[];
    };
    return articles.map((article) => article.title);
  }

  for (const [how, signal, code] of [
    ["is stopped", "SIGTERM", 0],
    ["is killed", "SIGKILL", "SIGKILL"],
  ] as const) {
    void test(`are there again after the newsroom ${how}, each once`, async () => {
      const title = `Printed before the newsroom ${how}`;
      await print(title);
      const before = await titles();
      assert.equal(before[0], title);
      assert.equal(await newsroom.end(signal), code);

      newsroom = await startNewsroom(directory);
      assert.deepEqual(await titles(), before);
    });
  }
});
