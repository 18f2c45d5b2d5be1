/** Somebody at the newsroom: a page, and what one does and sees on it. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";

export class Visitor {
  readonly page: Page;
  /** Errors of the page's scripts; there should be none, whatever happens to the server. */
  readonly errors: Error[] = [];
  /** How often the chat's line was cut. */
  cuts = 0;

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(error));
    page.on("websocket", (socket) => socket.on("close", () => this.cuts++));
  }

  /** A visitor with storage of their own, so with a name of their own; at a node of their choice, where there are several. */
  static async arrive(browser: Browser, url: string, node?: string): Promise<Visitor> {
    const context = await browser.newContext();
    // The balancer sends them there as long as the node is there.
    if (node !== undefined) await context.addCookies([{ name: "interlock-node", value: node, url }]);
    const visitor = new Visitor(await context.newPage());
    await visitor.page.goto(url);
    return visitor;
  }

  async ticker(state: "live" | "stale" | "error"): Promise<void> {
    await this.page.locator(`quote-ticker[data-state="${state}"]`).waitFor({ timeout: 20_000 });
  }

  quotes() {
    return this.page.locator(".quote:visible");
  }

  async inChat(): Promise<void> {
    await this.page.locator('.chat-state:text-matches("^You are ")').waitFor();
  }

  /** The node that the chat's socket ends at. */
  async node(): Promise<string> {
    await this.inChat();
    return /on (newsroom-\d)/.exec((await this.page.locator(".chat-state").textContent()) ?? "")?.[1] ?? "";
  }

  /** What the chat shows, of what begins so. */
  async heard(beginning: string): Promise<readonly string[]> {
    return (await this.page.locator(".chat-text").allTextContents()).filter((text) => text.startsWith(beginning));
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  async hears(text: string): Promise<void> {
    await this.page.locator(".chat-text", { hasText: text }).first().waitFor();
  }

  /** The row of a process in the tree. */
  row(id: string) {
    return this.page.locator(`li[data-child="${id}"] > .tree-row:not(.tree-ghost)`).first();
  }

  /** How often the process was restarted, as the tree has it. */
  async restarts(id: string): Promise<number> {
    return Number.parseInt((await this.row(id).locator(".tree-restarts").textContent()) || "0", 10);
  }

  async leave(): Promise<void> {
    assert.deepEqual(this.errors, [], "a page's script failed");
    await this.page.context().close();
  }
}
