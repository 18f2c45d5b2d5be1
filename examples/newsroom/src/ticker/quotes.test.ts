import { describe, expect, test } from "vitest";
import { loadQuotes, readPrices, toRows } from "./quotes.ts";

describe("quotes", () => {
  test("the shipped series are joined by month, oldest first", async () => {
    const rows = await loadQuotes();
    expect(rows.length).toBeGreaterThan(100);
    expect(rows[0]).toMatchObject({ date: "2000-01-01" });
    expect(rows[0]?.quotes.map((quote) => quote.symbol)).toEqual(["S&P 500", "MSFT", "AMZN", "IBM", "AAPL"]);
    expect(rows.at(-1)?.quotes.map((quote) => quote.symbol)).toContain("GOOG");
    expect(rows.map((row) => row.date)).toEqual(rows.map((row) => row.date).toSorted());
  });

  test("a change is measured against the row before", () => {
    const rows = toRows(readPrices("date,price\nJan 1 2000,10\nFeb 1 2000,12.5\n", "X"));
    expect(rows.map((row) => row.quotes[0]?.change)).toEqual([0, 2.5]);
  });

  test("a symbol with a gap keeps its last price, and is absent before its first", () => {
    const rows = toRows([
      { symbol: "A", date: "2000-01-01", price: 1 },
      { symbol: "A", date: "2000-02-01", price: 2 },
      { symbol: "B", date: "2000-02-01", price: 5 },
      { symbol: "B", date: "2000-03-01", price: 6 },
    ]);
    expect(rows.map((row) => row.quotes.map((quote) => `${quote.symbol} ${quote.price}`))).toEqual([
      ["A 1"],
      ["A 2", "B 5"],
      ["A 2", "B 6"],
    ]);
  });

  test("a line that is not a price is named", () => {
    expect(() => readPrices("date,price\nJan 1 2000,10\nsoon,12\n", "X")).toThrow('line 3 is not a price: "soon,12"');
  });
});
