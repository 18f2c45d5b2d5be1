import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type ConfigProvider, type ConfigTree, defaults, environment, flags, isError, jsonFile } from "../index.ts";
import {
  deepMerge,
  differenceOf,
  type LoadContext,
  type LoadedConfig,
  loadConfig,
  type StandardIssue,
  type StandardSchema,
  validateCompileEnv,
  validateConfig,
} from "./config.ts";
import { traceOf } from "./config-trace.ts";

const contextOf = (more: Partial<LoadContext> = {}, files: Readonly<Record<string, string>> = {}): LoadContext => ({
  application: "bank",
  environment: {},
  files: {
    readText: async (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error("nothing there"), { code: "ENOENT" });
      return text;
    },
  },
  ...more,
});

const load = (providers: readonly ConfigProvider[], files?: Readonly<Record<string, string>>): Promise<LoadedConfig> =>
  loadConfig(providers, contextOf({}, files));

const treeOf = async (...providers: readonly ConfigProvider[]): Promise<ConfigTree> => (await load(providers)).tree;

/** Refuses with these issues whatever it is given. */
const refusing = (...issues: readonly StandardIssue[]): StandardSchema<never> => ({
  "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) },
});

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "accepted",
    (error: unknown) => (isError(error, "INTERLOCK_CONFIG_INVALID") ? error.message : Promise.reject(error as Error)),
  );

const prefix = "The configuration of bank is invalid:\n  ";

describe("merging", () => {
  test("goes deep into plain objects; later ones win; arrays and everything else are replaced", () => {
    const merged = deepMerge(
      { a: 1, db: { url: "x", pool: { size: 1, idle: 2 } }, list: [1, 2], gone: { b: 1 } },
      { db: { pool: { size: 5 } }, list: [3], gone: "flat", when: new Date(0) },
      { a: undefined, db: { url: null } },
    );
    expect(merged).toEqual({
      a: 1,
      db: { url: null, pool: { size: 5, idle: 2 } },
      list: [3],
      gone: "flat",
      when: new Date(0),
    });
  });

  test("leaves what it merges alone", async () => {
    const first = { db: { size: 1 } };
    await treeOf(defaults(first), defaults({ db: { size: 2 } }));
    expect(first).toEqual({ db: { size: 1 } });
  });

  test("sets no prototype", async () => {
    const evil = JSON.parse('{"db": {"__proto__": {"admin": true}}}') as ConfigTree;
    expect(() => deepMerge({ db: {} }, evil)).toThrow("db.__proto__ is not a name that a setting can have");
    expect(await messageOf(load([defaults(evil)]))).toBe(
      `${prefix}db.__proto__ is not a name that a setting can have (defaults)`,
    );
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("every value knows its source", () => {
  test("which is that of the provider that set it last", async () => {
    const loaded = await load(
      [
        defaults({ port: 1, host: "a", db: { url: "x", size: 1 }, list: [{ a: 1 }], none: {} }),
        jsonFile("bank.json"),
        environment("BANK_", { BANK_DB__URL: "y", BANK_HOST: "b" }),
        flags(["--port=2"]),
      ],
      { "bank.json": '{"host": "c", "db": {"size": 3}}' },
    );
    const sources = (...path: readonly string[]) => loaded.sourceOf(path);
    expect(sources("port")).toBe("flag --port");
    expect(sources("host")).toBe("environment BANK_HOST");
    expect(sources("db", "url")).toBe("environment BANK_DB__URL");
    expect(sources("db", "size")).toBe("file bank.json");
    expect(sources("db")).toBe("file bank.json, environment BANK_DB__URL");
    expect(sources("list", "0", "a")).toBe("defaults");
    expect(sources("none")).toBe("defaults");
    expect(sources("nothing")).toBeUndefined();
  });

  test("and forgets it when an object is replaced by a value, or a value by an object", async () => {
    const loaded = await load([
      defaults({ db: { url: "x" }, log: "y" }, "one"),
      defaults({ db: "z", log: { to: "z" } }, "two"),
    ]);
    expect([loaded.sourceOf(["db"]), loaded.sourceOf(["log", "to"]), loaded.sourceOf(["log"])]).toEqual([
      "two",
      "two",
      "two",
    ]);
    expect(loaded.sourceOf(["db", "url"])).toBe("two");
  });
});

describe("validation", () => {
  test("gives what the schema makes of the tree, which may take its time", async () => {
    const schema: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async (value) => ({ value: Number((value as { port: string }).port) }),
      },
    };
    expect(await validateConfig("bank", schema, await load([defaults({ port: "80" })]))).toBe(80);
    expect(await validateConfig("bank", undefined, await load([defaults({ port: "80" })]))).toEqual({ port: "80" });
  });

  test("lists every issue with path, message, what was got and where from", async () => {
    const loaded = await load([
      defaults({ list: [{ size: 1 }] }),
      environment("BANK_", { BANK_PORT: "http", BANK_DB__URL: "x" }),
      flags([]),
    ]);
    const schema = refusing(
      { message: "expected a number", path: ["port"] },
      { message: "too small", path: ["list", { key: 0 }, "size"] },
      { message: "required", path: [{ key: "db" }, "poolSize"] },
      { message: "contradictory" },
    );
    const error: unknown = await validateConfig("bank", schema, loaded).catch((given: unknown) => given);
    expect(isError(error, "INTERLOCK_CONFIG_INVALID") && error.details).toEqual({
      application: "bank",
      issues: [
        { path: "port", message: "expected a number", got: '"http"', source: "environment BANK_PORT" },
        { path: "list.0.size", message: "too small", got: "1", source: "defaults" },
        {
          path: "db.poolSize",
          message: "required",
          got: "nothing",
          source: "not given; it can be given by environment BANK_DB__POOL_SIZE or flag --db.pool-size",
        },
        {
          path: "",
          message: "contradictory",
          got: expect.any(String),
          source: "defaults, environment BANK_PORT, environment BANK_DB__URL",
        },
      ],
    });
    expect((error as Error).message).toBe(
      `${prefix}port: expected a number; got "http" (environment BANK_PORT)
  list.0.size: too small; got 1 (defaults)
  db.poolSize: required; got nothing (not given; it can be given by environment BANK_DB__POOL_SIZE or flag --db.pool-size)
  contradictory (defaults, environment BANK_PORT, environment BANK_DB__URL)`,
    );
  });

  test("shows no secret: not as what was got, not inside an object, not in the schema's own words, not in a URL", async () => {
    const hidden = "hunter2";
    const loaded = await load([
      defaults({
        db: { password: hidden, size: 1, urls: [{ token: hidden }] },
        apiKey: hidden,
        clientSecret: { id: hidden },
        url: `postgres://bank:${hidden}@db/bank`,
      }),
    ]);
    const schema = refusing(
      { message: `"${hidden}" is too short`, path: ["db", "password"] },
      { message: "wrong", path: ["db"] },
      { message: "wrong", path: ["apiKey"] },
      { message: "wrong", path: ["clientSecret", "id"] },
      { message: `cannot use postgres://bank:${hidden}@db/bank`, path: ["url"] },
    );
    const error: unknown = await validateConfig("bank", schema, loaded).catch((given: unknown) => given);
    expect((error as Error).message).toContain('db.password: "(secret)" is too short; got (secret) (defaults)');
    expect((error as Error).message).toContain('"size":1');
    expect((error as Error).message).toContain("postgres://(secret)@db/bank");
    expect(JSON.stringify(error) + (error as Error).message).not.toContain(hidden);
  });

  test("by zod, which is a Standard Schema", async () => {
    const schema = z.object({ port: z.coerce.number().int(), level: z.enum(["info", "debug"]).default("info") });
    const given = (value: string) => load([environment({ port: "PORT" }, { PORT: value })]);
    expect(await validateConfig("bank", schema, await given("80"))).toEqual({ port: 80, level: "info" });
    expect(await messageOf(validateConfig("bank", schema, await given("http")))).toMatch(
      /port: Invalid input.*; got "http" \(environment PORT\)$/,
    );
  });
});

describe("what was fixed at build time", () => {
  const check = async (fixed: ConfigTree, given: ConfigTree): Promise<string> => {
    const loaded = await load([defaults(given)]);
    return messageOf((async () => validateCompileEnv("bank", fixed, loaded.tree, loaded))());
  };

  test("may be joined by more, and must be the same", async () => {
    expect(await check({ mode: "fast", db: { kinds: ["a"] } }, { mode: "fast", db: { kinds: ["a"], size: 1 } })).toBe(
      "accepted",
    );
    expect(await check({ mode: "fast", db: { kinds: ["a"] } }, { mode: "slow", db: {} })).toBe(
      `${prefix}mode: the program was built with "fast": build it anew, or give the same value; got "slow" (defaults)
  db.kinds: the program was built with ["a"]: build it anew, or give the same value; got nothing (not given)`,
    );
    expect(await check({ password: "a" }, { password: "b" })).not.toMatch(/"[ab]"/);
  });
});

describe("the difference of two configurations", () => {
  test("is by top-level key and by value", () => {
    expect(
      differenceOf(
        { same: { a: [1, new Date(0)] }, other: { b: 1 }, gone: 1, url: new URL("http://a/") },
        { same: { a: [1, new Date(0)] }, other: { b: 2 }, fresh: null, url: new URL("http://a/") },
      ),
    ).toEqual({ changed: { other: { b: 2 } }, added: { fresh: null }, removed: ["gone"] });
    expect(differenceOf(undefined, { a: 1 })).toEqual({ changed: {}, added: { a: 1 }, removed: [] });
  });
});

describe("a provider that fails", () => {
  test("is named, with the cause", async () => {
    const cause = new Error("the vault is sealed");
    const vault: ConfigProvider = { name: "vault", load: () => Promise.reject(cause) };
    const error: unknown = await load([vault]).catch((given: unknown) => given);
    expect((error as Error).message).toBe(`${prefix}the vault is sealed (vault)`);
    expect((error as Error).cause).toBe(cause);
    expect(await messageOf(load([{ name: "odd", load: () => [] as never }]))).toBe(
      `${prefix}gave no object of settings (odd)`,
    );
  });
});

describe("environment", () => {
  test("with a prefix: one underscore joins words, two go down", async () => {
    const variables = {
      BANK_PORT: "80",
      BANK_OPENING_CENTS: "5",
      BANK_DB__POOL_SIZE: "3",
      BANK_DB__URL: "",
      BANK_: "nothing",
      BANK___ODD: "nothing",
      OTHER: "nothing",
      BANK_UNSET: undefined,
    };
    const expected = { port: "80", openingCents: "5", db: { poolSize: "3", url: "" } };
    expect(await treeOf(environment("BANK_", variables))).toEqual(expected);
    // Without variables of its own: those that the application was started with.
    expect((await loadConfig([environment("BANK_")], contextOf({ environment: variables }))).tree).toEqual(expected);
    expect(() => environment("", {})).toThrow("expected prefix to be a prefix such as BANK_");
  });

  test("with a table: each setting has its own variable", async () => {
    const table = { port: "PORT", "db.url": "DATABASE_URL", host: "HOST" };
    expect(await treeOf(environment(table, { PORT: "80", DATABASE_URL: "x" }))).toEqual({
      port: "80",
      db: { url: "x" },
    });
    const loaded = await load([environment(table, {})]);
    expect(loaded.placesFor(["db", "url"])).toEqual(["environment DATABASE_URL"]);
    expect(loaded.placesFor(["other"])).toEqual([]);
  });

  test("names the very variable, whichever way its name is written", async () => {
    const loaded = await load([environment("BANK_", { BANK_S3_2X: "1" })]);
    expect(loaded.sourceOf(["s32x"])).toBe("environment BANK_S3_2X");
  });

  test("refuses variables that contradict each other", async () => {
    for (const variables of [
      { BANK_DB: "x", BANK_DB__URL: "y" },
      { BANK_DB__URL: "y", BANK_DB: "x" },
    ])
      expect(await messageOf(load([environment("BANK_", variables)]))).toMatch(
        /BANK_DB(__URL)? and BANK_DB(__URL)? contradict each other \(environment BANK_\*\)$/,
      );
  });
});

describe("flags", () => {
  test("in every form, the last one wins", async () => {
    const given =
      "serve --port=80 --host 0.0.0.0 --db.pool-size=5 --verbose --no-cache --port=81 --offset -5 file --empty= --dry -- --not=this";
    expect(await treeOf(flags(given.split(" ")))).toEqual({
      port: "81",
      host: "0.0.0.0",
      db: { poolSize: "5" },
      verbose: true,
      cache: false,
      offset: "-5",
      empty: "",
      dry: true,
    });
  });

  test("that are no settings are refused", async () => {
    expect(await messageOf(load([flags(["--db..url=x"])]))).toContain("--db..url is no flag of a setting (flags)");
    expect(await messageOf(load([flags(["--db=x", "--db.url=y"])]))).toContain(
      "--db and --db.url contradict each other",
    );
  });
});

describe("jsonFile", () => {
  const failing = async (text: string | undefined): Promise<string> =>
    messageOf(load([jsonFile("bank.json")], text === undefined ? {} : { "bank.json": text }));

  test("gives the settings of the file", async () => {
    expect((await load([jsonFile("bank.json")], { "bank.json": '{"a": {"b": 1}}' })).tree).toEqual({ a: { b: 1 } });
  });

  test("that is not there is an error unless it is optional", async () => {
    expect(await failing(undefined)).toBe(`${prefix}there is no file bank.json (file bank.json)`);
    expect((await load([jsonFile("bank.json", { optional: true })])).tree).toEqual({});
  });

  test("that is no JSON, no object, unreadable: says so without its text", async () => {
    expect(await failing('{"password": "hunter2", oops')).toMatch(
      /is not valid JSON at line 1 column \d+ \(file bank.json\)$/,
    );
    expect(await failing("hunter2")).not.toContain("hunter");
    expect(await failing("[1]")).toBe(`${prefix}holds no object of settings (file bank.json)`);
    const locked = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    const loaded = loadConfig(
      [jsonFile("bank.json", { optional: true })],
      contextOf({ files: { readText: () => Promise.reject(locked) } }),
    );
    expect(await messageOf(loaded)).toBe(`${prefix}cannot be read: EACCES: permission denied (file bank.json)`);
  });
});

describe("a source that is marked as secret", () => {
  const vault: ConfigProvider = {
    name: "vault",
    secret: true,
    load: () => ({ db: { user: "ada-9" }, words: ["x-ray"] }),
  };

  test("has its values shown nowhere, whatever their keys are called", async () => {
    const loaded = await load([defaults({ db: { size: 1 } }), vault]);
    const schema = refusing({ message: '"ada-9" is no user', path: ["db", "user"] }, { message: "odd", path: [] });
    const text = await messageOf(validateConfig("bank", schema, loaded));
    expect(text).toContain('db.user: "(secret)" is no user; got (secret) (vault)');
    expect(text).not.toMatch(/ada|x-ray/);
    const trace = JSON.stringify(traceOf(loaded.tree, loaded));
    expect(trace).toContain('"path":"db.size","shown":"1"');
    expect(trace).not.toMatch(/ada|x-ray/);
  });

  test("has them hidden where a schema has put them into something else", async () => {
    const loaded = await load([vault]);
    expect(traceOf({ dsn: "mysql: user=ada-9" }, loaded)[0]?.shown).toBe('"mysql: user=(secret)"');
    const schema = refusing({ message: "ada-9 is nobody" });
    expect(await messageOf(validateConfig("bank", schema, loaded))).toContain("(secret) is nobody");
  });

  test("keeps its secret when a later source gives the value", async () => {
    const loaded = await load([vault, environment("BANK_", { BANK_DB__USER: "grace" })]);
    expect(traceOf(loaded.tree, loaded)[0]).toEqual({
      path: "db.user",
      shown: "(secret)",
      source: "environment BANK_DB__USER",
      instead: ["vault"],
    });
  });
});

test("a trace names the source of every value, those that had to give way, and what the schema put in itself", async () => {
  const loaded = await load([
    defaults({ port: 1, db: { size: 1 } }),
    defaults({ port: 2 }, "file"),
    environment("BANK_", { BANK_PORT: "3", BANK_LIST: "a" }),
  ]);
  const config = { ...loaded.tree, level: "info", none: {} };
  expect(traceOf(config, loaded)).toEqual([
    { path: "port", shown: '"3"', source: "environment BANK_PORT", instead: ["file", "defaults"] },
    { path: "db.size", shown: "1", source: "defaults", instead: [] },
    { path: "list", shown: '"a"', source: "environment BANK_LIST", instead: [] },
    { path: "level", shown: '"info"', source: "default of the schema", instead: [] },
    { path: "none", shown: "{}", source: "default of the schema", instead: [] },
  ]);
});
