import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

const read = (path: string): unknown => JSON.parse(readFileSync(`${root}${path}`, "utf8"));
const { packages: locked } = read("package-lock.json") as { packages: Record<string, LockedPackage> };
const installed = Object.entries(locked).filter(([path, { link }]) => path.includes("node_modules/") && !link);

test("package-lock.json is in step with every package.json (`npm install` brings it there)", () => {
  const folders = ["packages/*", "examples/*", "bench"].flatMap((pattern) =>
    globSync(`${pattern}/package.json`, { cwd: root }).map((path) => path.slice(0, -"/package.json".length)),
  );
  for (const folder of ["", ...folders]) {
    const { dependencies, devDependencies } = read(`${folder}/package.json`) as LockedPackage;
    const { [folder]: entry } = locked;
    expect({ folder, dependencies: entry?.dependencies, devDependencies: entry?.devDependencies }).toEqual({
      folder,
      dependencies,
      devDependencies,
    });
  }
});

test("package-lock.json pins each package by version and content", () => {
  expect(installed.filter(([, { version, integrity }]) => !version || !integrity).map(([path]) => path)).toEqual([]);
});

test("package-lock.json names no address: the registry is the choice of whoever installs", () => {
  expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
});
