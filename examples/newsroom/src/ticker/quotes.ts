/**
 * The historical quotes that the ticker replays: monthly closes of the S&P 500 and of five stocks, 2000 to 2010,
 * as the `vega-datasets` package ships them. Read once, when the feed starts; nothing here knows about processes.
 */
import { readFile } from "node:fs/promises";

/** One symbol's price on one date. */
export interface Quote {
  readonly symbol: string;
  readonly price: number;
  /** Against the row before; 0 in the first row. */
  readonly change: number;
}

/** What the feed sends once a second: every symbol's price on one date of the past. */
export interface QuoteRow {
  /** `2004-08-01` */
  readonly date: string;
  readonly quotes: readonly Quote[];
}

const sources = [
  { file: "sp500.csv", symbol: "S&P 500" },
  { file: "stocks.csv", symbol: undefined },
] as const;

/** All rows, oldest first. */
export async function loadQuotes(): Promise<readonly QuoteRow[]> {
  const prices = await Promise.all(
    sources.map(async (source) => readPrices(await readFile(locate(source.file), "utf8"), source.symbol)),
  );
  return toRows(prices.flat());
}

function locate(file: string): URL {
  // The package exports its JavaScript only, so the data are found beside that.
  return new URL(`../data/${file}`, import.meta.resolve("vega-datasets"));
}

interface Price {
  readonly symbol: string;
  readonly date: string;
  readonly price: number;
}

/** Reads `symbol,date,price` or, with the symbol given, `date,price`. A line that is not a price is refused by its number. */
export function readPrices(csv: string, onlySymbol: string | undefined): readonly Price[] {
  const [header, ...lines] = csv.trim().split(/\r?\n/);
  const columns = header?.split(",") ?? [];
  return lines.map((line, index) => {
    const cells = line.split(",");
    const symbol = onlySymbol ?? cells[columns.indexOf("symbol")];
    const date = isoDate(cells[columns.indexOf("date")] ?? "");
    const price = Number(cells[columns.indexOf("price")]);
    if (symbol === undefined || date === undefined || !(price > 0)) {
      throw new Error(`quotes: line ${index + 2} is not a price: ${JSON.stringify(line)}`);
    }
    return { symbol, date, price };
  });
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Aug 1 2004` → `2004-08-01` */
function isoDate(text: string): string | undefined {
  const [month = "", day = "", year = ""] = text.split(" ");
  const index = months.indexOf(month);
  if (index < 0 || !/^\d{1,2}$/.test(day) || !/^\d{4}$/.test(year)) return undefined;
  return `${year}-${String(index + 1).padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** Joins the prices by date. A symbol without a price on a date keeps its last one; before its first it is left out. */
export function toRows(prices: readonly Price[]): readonly QuoteRow[] {
  const symbols = [...new Set(prices.map((price) => price.symbol))];
  const byDate = Map.groupBy(prices, (price) => price.date);
  const last = new Map<string, number>();
  return [...byDate.keys()].sort().map((date) => {
    const today = new Map(byDate.get(date)?.map((price) => [price.symbol, price.price]));
    const quotes = symbols.flatMap((symbol): Quote[] => {
      const before = last.get(symbol);
      const price = today.get(symbol) ?? before;
      if (price === undefined) return [];
      last.set(symbol, price);
      return [{ symbol, price, change: before === undefined ? 0 : price - before }];
    });
    return { date, quotes };
  });
}
