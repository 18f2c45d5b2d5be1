/**
 * Breaks the newsroom by each of its buttons, in a browser, and looks at what everybody else sees meanwhile: rungs 1
 * and 2 of the ladder of failure. Conditions are waited for; nothing sleeps.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { launchBrowser, skipReason } from "./browser.ts";
import { type RunningNewsroom, startNewsroom } from "./newsroom-process.ts";
import { Visitor } from "./visitor.ts";

void describe("the newsroom", { skip: skipReason, timeout: 240_000 }, () => {
  let directory: string;
  let newsroom: RunningNewsroom;
  let browser: Browser;
  /** Reads the front page and chats, all the way through. */
  let reader: Visitor;
  /** Sits in another room, and must never notice a thing. */
  let bystander: Visitor;
  /** Has the page with the buttons. */
  let breaker: Visitor;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "newsroom-e2e-"));
    [newsroom, browser] = await Promise.all([startNewsroom(directory), launchBrowser()]);
    [reader, bystander, breaker] = await Promise.all([
      Visitor.arrive(browser, `${newsroom.url}/`),
      Visitor.arrive(browser, `${newsroom.url}/`),
      Visitor.arrive(browser, `${newsroom.url}/break`),
    ]);
    await bystander.page.getByRole("button", { name: "Towpath" }).click();
    await Promise.all([reader.inChat(), bystander.inChat(), reader.ticker("live"), breaker.ticker("live")]);
  });

  after(async () => {
    await browser?.close();
    await newsroom?.end("SIGKILL");
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  /** Articles are served and the chat carries words, whatever else is going on. */
  async function everythingElseWorks(): Promise<void> {
    const visitor = await Visitor.arrive(browser, `${newsroom.url}/`);
    await visitor.page.locator(".lead .headline a").click();
    await visitor.page.locator(".article-body p").first().waitFor();
    await visitor.leave();
    const words = `Still here ${crypto.randomUUID()}`;
    await bystander.say(words);
    await bystander.hears(words);
  }

  /** Of six symbols one was not traded in the first years of the replay. */
  async function showsQuotes(): Promise<void> {
    const count = await reader.quotes().count();
    assert.ok(count === 5 || count === 6, `${count} quotes`);
  }

  /** Until ticker_sup has forgiven what was broken before: its limit is 3 restarts in 10 s. */
  async function tickerSupHasForgiven(): Promise<void> {
    await breaker.page
      .locator('li[data-child="ticker_sup"] > .tree-row > .tree-gauge:text-matches("^[01]/3$")')
      .waitFor({ timeout: 20_000 });
  }

  void test("opens with articles, live quotes, a chat, and where the quotes are from", async () => {
    assert.ok((await reader.page.locator(".front-news article").count()) >= 6);
    await showsQuotes();
    await reader.say("Good morning, Lockgate");
    await reader.hears("Good morning, Lockgate");
    await reader.page.getByText("vega-datasets").first().waitFor();
  });

  const tickerButtons = [
    { button: "Throw in a handler", dies: "ticker", reason: "Told to throw in a handler" },
    { button: "Throw in a timer callback", dies: "ticker", reason: "Told to throw in a timer callback" },
    { button: "Reject a promise nobody awaits", dies: "ticker", reason: "Told to reject a promise that nobody awaits" },
    { button: "Break the feed", dies: "feed", reason: "The feed lost its line to the exchange" },
  ];
  for (const { button, dies, reason } of tickerButtons) {
    void test(`"${button}" makes the quotes stale, and only them; the ${dies} comes back with its reason in the tree`, async () => {
      await tickerSupHasForgiven();
      const before = await breaker.restarts(dies);
      const pid = await breaker.row(dies).locator(".tree-pid").textContent();

      await breaker.page.getByRole("button", { name: button }).click();

      await reader.ticker("stale");
      await showsQuotes();
      assert.match((await reader.page.locator(".ticker-age").textContent()) ?? "", /^last quotes \d+ s old$/);
      await breaker.page.locator(`.tree-ghost:has-text("${pid}"):has-text("${reason}")`).waitFor();
      await everythingElseWorks();
      await reader.ticker("live");

      await breaker
        .row(dies)
        .locator(`.tree-restarts:has-text("${before + 1} restart")`)
        .waitFor();
      await breaker.row(dies).locator(".tree-reason", { hasText: reason }).waitFor();
      assert.notEqual(await breaker.row(dies).locator(".tree-pid").textContent(), pid);
      await breaker.page
        .locator(".report", { hasText: `started ${dies} again` })
        .first()
        .waitFor();
      await breaker.page.locator(".report q", { hasText: reason }).first().waitFor();
    });
  }

  void test("told to propagate, the page shows an error and no quotes while the ticker is down", async () => {
    await tickerSupHasForgiven();
    await breaker.page.getByLabel("an error, and no quotes").check();
    await breaker.page.locator(".card-head", { hasText: "Throw in a handler" }).getByRole("button").click();
    await reader.ticker("error");
    assert.equal(await reader.quotes().count(), 0);
    await reader.ticker("live");
    await showsQuotes();
    await breaker.page.getByLabel("its last quotes, marked stale").check();
  });

  void test("a room that crashes comes back with its visitors and what was said, and no other room notices", async () => {
    await reader.say("Before the fall");
    await reader.hears("Before the fall");

    await breaker.page.getByRole("button", { name: "Crash the town square" }).click();

    await reader.page.locator(".chat-state", { hasText: "The room is back" }).waitFor();
    await reader.say("After the fall");
    await reader.hears("After the fall");
    assert.equal(await reader.page.locator(".chat-text", { hasText: "Before the fall" }).count(), 1);
    await breaker.row("town-square").locator('.tree-restarts:has-text("1 restart")').waitFor();
    assert.equal(reader.cuts, 0, "the visitor's own connection lived on");
  });

  void test("a feed that poisons every ticker makes the supervisor give up; a person brings the ticker back", async () => {
    await tickerSupHasForgiven();
    await breaker.page.getByRole("button", { name: "Poison the feed" }).click();

    await reader.page.locator(".ticker-status", { hasText: "Its supervisor gave up" }).waitFor({ timeout: 20_000 });
    await reader.ticker("stale");
    await showsQuotes();
    await breaker.row("ticker_sup").locator(".tree-status", { hasText: "gave up" }).waitFor();
    await breaker.page.locator(".tree-summary", { hasText: "ticker_sup is stopped" }).waitFor();
    await everythingElseWorks();
    const refused = await fetch(`${newsroom.url}/api/break/ticker-throw`, { method: "POST" });
    assert.equal(refused.status, 409);
    assert.equal(((await refused.json()) as { code: string }).code, "NEWSROOM_TICKER_STOPPED");

    await reader.page.getByRole("link", { name: "Bring the ticker back" }).click();
    await reader.page.getByRole("button", { name: "Bring the ticker back" }).click();
    await reader.ticker("live");
    await breaker.page.locator(".tree-summary", { hasText: "all running" }).waitFor();
  });

  void test("a feed imported at the desk is on everybody's front page at once, and its markup is only text", async () => {
    const title = `<img src=x onerror="document.title='owned'"> ${crypto.randomUUID()}`;
    const escaped = title.replaceAll("<", "&amp;lt;").replaceAll(">", "&amp;gt;").replaceAll('"', "&quot;");
    const feed = `<rss version="2.0"><channel><item><title>${escaped}</title><description>News.</description></item></channel></rss>`;
    const desk = await Visitor.arrive(browser, `${newsroom.url}/desk`);
    await desk.page
      .getByLabel("RSS or Atom file")
      .setInputFiles({ name: "feed.xml", mimeType: "application/rss+xml", buffer: Buffer.from(feed) });
    await desk.page.getByRole("button", { name: "Import it" }).click();
    await desk.page.getByText("1 article imported").waitFor();
    await desk.leave();

    await bystander.page.locator(".lead .headline", { hasText: title }).waitFor();
    await bystander.page.locator(".lead .headline a").click();
    await bystander.page.locator("h1", { hasText: title }).waitFor();
    assert.match(await bystander.page.title(), /^<img/);
    await bystander.page.goBack();
    await bystander.inChat();
  });

  void test("with its pages still open the newsroom closes in order, and leaves nothing running behind", async () => {
    assert.equal(await newsroom.end("SIGTERM"), 0);
    assert.doesNotMatch(newsroom.log(), /still runs|has ended, but its code|shutdown_error/);
    await reader.page.locator('quote-ticker[data-state="lost"]').waitFor();
    for (const visitor of [reader, bystander, breaker]) await visitor.leave();
  });
});
