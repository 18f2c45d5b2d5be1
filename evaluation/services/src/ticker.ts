/** A row of quotes a second from a feed, which may have rows that nobody can digest. */
import { readFileSync, writeFileSync } from "node:fs";

/** Stands for the exchange: it outlives this program, so a bad row is still there when the program begins anew. */
const EXCHANGE = "/tmp/bad-until";
const SESSION_MS = 1_200;
const ROW_MS = 1_000;

let price = Number.NaN;

export function startTicker(): void {
  setTimeout(() => {
    read();
    setInterval(read, ROW_MS);
  }, SESSION_MS);
}

function read(): void {
  const row = { price: isBad() ? Number.NaN : 1_000 + Math.sin(Date.now() / 10_000) };
  if (!(row.price > 0)) throw new Error(`Cannot digest a price of ${row.price}`);
  price = row.price;
}

function isBad(): boolean {
  try {
    return Date.now() < Number(readFileSync(EXCHANGE, "utf8"));
  } catch {
    return false;
  }
}

export function quote(): { readonly state: "live" | "error"; readonly price: number } {
  return { state: Number.isNaN(price) ? "error" : "live", price };
}

export function poison(forMs: number): void {
  writeFileSync(EXCHANGE, String(Date.now() + forMs));
}

/** What nobody catches: Node.js ends the program. */
export function failAstray(): void {
  setTimeout(() => {
    throw new Error("Told to throw in a timer callback");
  }, 0);
}
