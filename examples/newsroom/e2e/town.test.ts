/**
 * Three nodes and one address, as `npm start` runs them: rungs 5 to 7 of the ladder of failure, by the page's buttons, in a
 * browser. Visitors talk all the while; what they hear is compared word for word.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Browser } from "playwright-core";
import type { TownReport } from "../src/town/town-report.ts";
import { launchBrowser, skipReason } from "./browser.ts";
import { type RunningNewsroom, startTown } from "./newsroom-process.ts";
import { Visitor } from "./visitor.ts";

const ids = ["newsroom-1", "newsroom-2", "newsroom-3"] as const;

void describe("the newsroom on three nodes", { skip: skipReason, timeout: 300_000 }, () => {
  let folder: string;
  let town: RunningNewsroom;
  let browser: Browser;
  /** One at each node, in the town square. */
  let visitors: readonly Visitor[];
  /** Has the page with the buttons. */
  let breaker: Visitor;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "newsroom-town-"));
    [town, browser] = await Promise.all([startTown(join(folder, "data")), launchBrowser()]);
    visitors = await Promise.all(ids.map((id) => Visitor.arrive(browser, `${town.url}/`, id)));
    breaker = await Visitor.arrive(browser, `${town.url}/break`);
    assert.deepEqual(await Promise.all(visitors.map((visitor) => visitor.node())), ids);
  });

  after(async () => {
    await browser?.close();
    await town?.end("SIGKILL");
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function report(): Promise<TownReport> {
    return (await (await fetch(`${town.url}/api/town`)).json()) as TownReport;
  }

  /** Asks until it is so. */
  async function until(what: (report: TownReport) => boolean): Promise<TownReport> {
    for (;;) {
      const now = await report();
      if (what(now)) return now;
      await setImmediate();
    }
  }

  const allUp = ({ agreed, editor, nodes }: TownReport): boolean =>
    agreed && editor !== undefined && nodes.every(({ member, state }) => state === "ready" && member === "up");

  const press = (id: string): Promise<void> => breaker.page.locator(`#${id}`).click();

  /** Has the visitors talk, one after the other, while something is done, and then checks what each of them has heard. */
  async function talking(those: readonly Visitor[], meanwhile: () => Promise<void>): Promise<void> {
    const topic = crypto.randomUUID().slice(0, 8);
    let done = false;
    const acting = meanwhile().finally(() => {
      done = true;
    });
    const spoken: string[] = [];
    while (!done || spoken.length < 2 * those.length) {
      for (const [index, visitor] of those.entries()) {
        const text = `${topic} ${index} ${spoken.length}`;
        await visitor.say(text);
        spoken.push(text);
      }
    }
    await acting;
    for (const visitor of those) {
      await visitor.hears(spoken.at(-1) ?? "");
      for (const text of spoken.slice(-50)) await visitor.hears(text);
      const heard = await visitor.heard(topic);
      assert.equal(new Set(heard).size, heard.length, "nothing is heard twice");
      for (const index of those.keys()) {
        const ofOne = (text: string): boolean => text.startsWith(`${topic} ${index} `);
        assert.deepEqual(heard.filter(ofOne), spoken.filter(ofOne), "all that one says is heard, in order");
      }
    }
  }

  async function roomsNode(): Promise<string> {
    const { rooms } = await until((now) => rooms_(now) !== undefined);
    return rooms.find(({ room }) => room === "town-square")?.node ?? "";
  }
  const rooms_ = ({ rooms }: TownReport) => rooms.find(({ room }) => room === "town-square");

  const at = (id: string): Visitor => visitors[ids.indexOf(id as (typeof ids)[number])] as Visitor;
  const notAt = (id: string): readonly Visitor[] => visitors.filter((visitor) => visitor !== at(id));

  async function print(title: string): Promise<number> {
    const body = JSON.stringify({ title, body: "It was so." });
    const answer = await fetch(`${town.url}/api/articles`, { method: "POST", body });
    assert.equal(answer.status, 201, title);
    return ((await answer.json()) as { number: number }).number;
  }

  void test("is one newsroom: whoever talks is heard at all nodes, and an edition is on every page at once", async () => {
    await talking(visitors, async () => {});
    const title = `Printed at one, read at all ${crypto.randomUUID()}`;
    await print(title);
    for (const { page } of visitors) await page.locator(".lead .headline", { hasText: title }).waitFor();
  });

  void test("a node killed with its room: no visitor of the other two notices, and its own are back by themselves", async () => {
    const lost = await roomsNode();
    const others = notAt(lost);
    await talking(others, async () => {
      await press(`kill-${lost}`);
      await until(({ nodes }) => nodes.some(({ id, restarts }) => id === lost && restarts > 0));
      await until(allUp);
    });
    assert.deepEqual(
      others.map(({ cuts }) => cuts),
      [0, 0],
      "their lines were not cut",
    );
    // The one who was there is at some node now, with what was said meanwhile.
    await talking(visitors, async () => {});
  });

  void test("the editor's node killed: one editor elsewhere, and no number is left out or given twice", async () => {
    const { editor = "" } = await until(allUp);
    const before = await print("Before the editor was lost");
    const printing = (async () => {
      const numbers: number[] = [];
      for (let index = 0; index < 12; index++) numbers.push(await printedAtLast(`While there was no editor, ${index}`));
      return numbers;
    })();
    await press(`kill-${editor}`);
    const numbers = await printing;
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, index) => before + 1 + index),
    );
    await until((now) => allUp(now) && now.editor !== editor);
  });

  /** The node that was asked may be the one that is killed: then nobody knows whether it was done, and one asks again. */
  async function printedAtLast(title: string): Promise<number> {
    const known = async (): Promise<number | undefined> => {
      const { articles } = (await (await fetch(`${town.url}/api/articles`)).json()) as {
        articles: readonly { title: string; number: number }[];
      };
      return articles.find((article) => article.title === title)?.number;
    };
    for (;;) {
      const body = JSON.stringify({ title, body: "It was so." });
      const answer = await fetch(`${town.url}/api/articles`, { method: "POST", body });
      if (answer.status === 201) return ((await answer.json()) as { number: number }).number;
      assert.equal(answer.status, 502, await answer.text());
      const number = await known();
      if (number !== undefined) return number;
    }
  }

  void test("a node stopped politely hands its rooms over without a word lost, ends with 0, and can be started again", async () => {
    const leaving = await roomsNode();
    await talking(visitors, async () => {
      await press(`stop-${leaving}`);
      await until(({ nodes }) => nodes.some(({ id, state }) => id === leaving && state === "stopped"));
    });
    const { nodes, rooms } = await report();
    assert.equal(nodes.find(({ id }) => id === leaving)?.reason, "ended with code 0");
    assert.ok(rooms.every(({ node }) => node !== leaving));
    assert.doesNotMatch(town.log(), /could not be handed over/);
    await press(`start-${leaving}`);
    await until(allUp);
  });

  void test("two nodes cut from each other know it, and are one town again when the wire is healed", async () => {
    await press("cut-newsroom-1-newsroom-2");
    await breaker.page.getByText("newsroom-1 ✂ newsroom-2 is cut").waitFor();
    await until(({ agreed }) => !agreed);
    // Pages are served all the same, by all three.
    for (const id of ids) {
      const answer = await fetch(`${town.url}/api/articles`, { headers: { "x-interlock-node": id } });
      assert.equal(answer.status, 200);
    }
    await press("heal-wires");
    await until(allUp);
    await talking(visitors, async () => {});
  });

  void test("closes in order, with its pages still open", async () => {
    for (const visitor of visitors) assert.deepEqual(visitor.errors, []);
    assert.equal(await town.end("SIGTERM"), 0);
    assert.doesNotMatch(town.log(), /still runs|has ended, but its code/);
    for (const visitor of [...visitors, breaker]) await visitor.leave();
  });
});
