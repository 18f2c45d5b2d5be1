/** The table, and the same as JSON. */

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly ours: number | null;
  readonly beam: number | null;
  readonly peer: number | null;
  /** Better is larger. */
  readonly ratio: number | null;
  readonly atLeast: number;
  /** Whose figure `peer` is. */
  readonly peerName?: string;
}

export function isMet({ ratio, atLeast }: Result): boolean | undefined {
  return ratio === null ? undefined : ratio >= atLeast;
}

export function toJson(results: readonly Result[]): string {
  const rows = results.map(({ name, unit, ours, beam, peer, ratio, atLeast }) => ({
    name,
    unit,
    ours,
    beam,
    peer,
    ratio,
    atLeast,
  }));
  return `${JSON.stringify({ rows }, undefined, 2)}\n`;
}

const header = ["name", "unit", "ours", "beam", "peer (best)", "ratio", "at least", "met"];

export function formatTable(results: readonly Result[]): string {
  const lines = results.map((result) => {
    const { name, unit, ours, beam, peer, peerName, ratio, atLeast } = result;
    const met = isMet(result);
    const best = peer === null ? "–" : `${formatNumber(peer)} ${peerName ?? ""}`.trim();
    const mark = met === undefined ? "–" : met ? "✓" : "✗";
    return [name, unit, formatNumber(ours), formatNumber(beam), best, formatRatio(ratio), formatRatio(atLeast), mark];
  });
  return columns([header, ...lines], new Set([2, 3, 5, 6]));
}

/** Rows of cells as aligned text. */
export function columns(table: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = (table[0] ?? []).map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0)));
  return table
    .map((line) =>
      line
        .map((cell, index) => (right.has(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function formatNumber(value: number | null): string {
  if (value === null) return "–";
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)}k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function formatRatio(value: number | null): string {
  return value === null ? "–" : `${value.toFixed(2)} ×`;
}
