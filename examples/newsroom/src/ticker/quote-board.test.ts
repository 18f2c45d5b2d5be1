import { exit, local, monitor, type Pid, spawn } from "@interlock/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QuoteBoard, quoteBoard } from "./quote-board.ts";
import type { QuoteRow } from "./quotes.ts";

const row: QuoteRow = { date: "2004-08-01", quotes: [{ symbol: "S&P 500", price: 1_100, change: 5 }] };

beforeEach(async () => {
  await QuoteBoard.named(local("quote_board")).start();
});
afterEach(() => quoteBoard.stop());

/** Stands for a ticker: it has a pid, and can end. */
function startTicker(): Pid {
  const ticker = spawn(async (self) => {
    await self.receive();
  });
  quoteBoard.cast.tickerStarted(ticker);
  return ticker;
}

async function end(ticker: Pid, reason: Error): Promise<void> {
  const down = monitor(ticker);
  exit(ticker, { error: reason });
  await down;
}

test("quotes are live once the ticker that runs has sent some", async () => {
  expect(await quoteBoard.call.view()).toMatchObject({ state: "stale" });
  startTicker();
  expect(await quoteBoard.call.view()).toMatchObject({ state: "stale" });
  quoteBoard.cast.post(row, []);
  expect(await quoteBoard.call.view()).toMatchObject({ state: "live", row, history: [row] });
});

test("quotes of a ticker that died are stale, with the reason, until its successor sends some", async () => {
  const ticker = startTicker();
  quoteBoard.cast.post(row, []);
  expect(await quoteBoard.call.view()).toMatchObject({ state: "live", row });
  await end(ticker, new Error("Lost the tape"));
  expect(await quoteBoard.call.view()).toMatchObject({ state: "stale", row, reason: "Lost the tape" });

  startTicker();
  expect(await quoteBoard.call.view()).toMatchObject({ state: "stale", reason: "Lost the tape" });
  quoteBoard.cast.post(row, []);
  const view = await quoteBoard.call.view();
  expect(view.state).toBe("live");
  expect(view.reason).toBeUndefined();
});

test("told to propagate, it shows no quotes while they are not live", async () => {
  await quoteBoard.call.setMode("propagate");
  const ticker = startTicker();
  quoteBoard.cast.post(row, []);
  expect(await quoteBoard.call.view()).toMatchObject({ state: "live", row });
  await end(ticker, new Error("Lost the tape"));
  const view = await quoteBoard.call.view();
  expect(view).toMatchObject({ state: "error", reason: "Lost the tape" });
  expect(view.row).toBeUndefined();
  expect(view.history).toBeUndefined();
});
