/** What stands between the table of OTP's cases and the tests that ran. Pure: data in, problems and a summary out. */
import type { Entry, Row } from "./table.ts";

export interface Area {
  readonly area: string;
  readonly cases: { readonly [number: string]: string };
  /** Cases without a meaning in JavaScript. */
  readonly notJs: readonly number[];
}

export interface Ran {
  readonly file: string;
  readonly title: string;
  readonly passed: boolean;
}

export interface Verdict {
  readonly problems: readonly string[];
  readonly summary: readonly AreaSummary[];
}

export interface AreaSummary {
  readonly area: string;
  readonly cases: number;
  readonly passed: number;
  readonly notJs: number;
  readonly notOurs: number;
  readonly later: { readonly [what: string]: number };
  readonly missing: readonly number[];
}

/** The cases as the list beside the project has them. */
export function casesOf(page: string): Area[] {
  const areas: { area: string; cases: { [number: string]: string }; notJs: number[] }[] = [];
  for (const line of page.split("\n")) {
    const area = /^## (.*?)(?: \(.*\))?$/.exec(line)?.[1];
    if (area !== undefined) areas.push({ area, cases: {}, notJs: [] });
    const [, number, name, mark] = /^(\d+)\. `([^`]+)`: (\*\*\[not JS\]\*\*)?/.exec(line) ?? [];
    const last = areas.at(-1);
    if (number === undefined || name === undefined || last === undefined) continue;
    last.cases[number] = name;
    if (mark !== undefined) last.notJs.push(Number(number));
  }
  return areas;
}

export function verdictOf(areas: readonly Area[], table: readonly Row[], ran: readonly Ran[]): Verdict {
  const names = new Map(
    areas.flatMap(({ cases }) => Object.entries(cases).map(([number, name]) => [Number(number), name])),
  );
  const notJs = new Set(areas.flatMap((area) => area.notJs));
  const entries = new Map(table);
  const numbered = new Map([...names].map(([number, name]) => [name, number]));
  const problems: string[] = [];

  const passed = new Set<number>();
  const rows = new Set<number>();
  for (const [number, entry] of table) {
    const name = names.get(number);
    if (rows.has(number)) problems.push(`${number} is in the table twice`);
    rows.add(number);
    if (name === undefined) problems.push(`${number} is in the table, and no case`);
    else if ("notJs" in entry && !notJs.has(number)) problems.push(`${number} ${name} is not marked as not JS`);
    else if ("test" in entry) {
      const problem = problemOf(name, entry.test, ran);
      if (problem === undefined) passed.add(number);
      else problems.push(`${number} ${problem}`);
    }
  }
  for (const { file, title, passed: isPassed } of ran) {
    const name = caseNameOf(title, numbered);
    const number = name === undefined ? undefined : numbered.get(name);
    if (number !== undefined) {
      const entry = entries.get(number);
      if (!(entry !== undefined && "test" in entry && entry.test.file === file && entry.test.name === name))
        problems.push(`${file} claims ${number} ${name}, which the table gives ${show(entry)}`);
    } else if (!isPassed) problems.push(`${file}: ${title} did not pass`);
  }
  const summary = areas.map(({ area, cases }) => summaryOf(area, Object.keys(cases).map(Number), entries, passed));
  for (const { area, missing } of summary)
    if (missing.length > 0) problems.push(`${area}: nothing in the table for ${ranges(missing)}`);
  return { problems, summary };
}

function problemOf(name: string, test: { file: string; name: string }, ran: readonly Ran[]): string | undefined {
  if (test.name !== name) return `is ${name}, and the table says ${test.name}`;
  const tests = ran.filter(({ file, title }) => file === test.file && isAbout(title, name));
  if (tests.length === 0) return `${name}: there is no such test in ${test.file}`;
  if (!tests.every(({ passed }) => passed)) return `${name}: its test in ${test.file} did not pass`;
  return undefined;
}

/** A test's title is the name of its case, then what it says. */
function isAbout(title: string, name: string): boolean {
  return title === name || title.startsWith(`${name}: `);
}

function caseNameOf(title: string, numbered: ReadonlyMap<string, number>): string | undefined {
  for (let end = title.length; end > 0; end = title.lastIndexOf(": ", end - 1))
    if (numbered.has(title.slice(0, end))) return title.slice(0, end);
  return undefined;
}

function show(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing";
  if ("test" in entry) return entry.test.file;
  if ("later" in entry) return `to later: ${entry.later}`;
  return "notJs" in entry ? "as not JS" : "as not ours";
}

function summaryOf(
  area: string,
  numbers: readonly number[],
  entries: ReadonlyMap<number, Entry>,
  passed: ReadonlySet<number>,
): AreaSummary {
  const later: { [what: string]: number } = {};
  let notJs = 0;
  let notOurs = 0;
  for (const number of numbers) {
    const entry = entries.get(number);
    if (entry === undefined) continue;
    if ("notJs" in entry) notJs++;
    else if ("notOurs" in entry) notOurs++;
    else if ("later" in entry) later[entry.later] = (later[entry.later] ?? 0) + 1;
  }
  return {
    area,
    cases: numbers.length,
    passed: numbers.filter((number) => passed.has(number)).length,
    notJs,
    notOurs,
    later,
    missing: numbers.filter((number) => !entries.has(number)),
  };
}

/** `1, 3-5` */
export function ranges(numbers: readonly number[]): string {
  const parts: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const part = parts.at(-1);
    if (part !== undefined && part.last === number - 1) part.last = number;
    else parts.push({ first: number, last: number });
  }
  return parts.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}
