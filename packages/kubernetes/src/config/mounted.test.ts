import { application, isError, supervisor, traceConfig } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Mount } from "./mount.fixture.ts";
import { type MountedConfigOptions, mountedConfig } from "./mounted.ts";

const sup = supervisor({ name: "sup", strategy: "one_for_one", children: () => [] });

async function read(files: Readonly<Record<string, string>>, options?: MountedConfigOptions) {
  using mount = new Mount(files);
  const app = application({ name: "mounted", version: "1", start: () => sup.startLink() });
  await using running = await app.start({ config: [mountedConfig(mount.directory, options)] });
  const settings = traceConfig(app).map(({ path, shown, source }) => [
    path,
    shown,
    source.replace(mount.directory, "DIR"),
  ]);
  return { config: running.config, settings };
}

const problem = (files: Readonly<Record<string, string>>): Promise<string> =>
  read(files).then(
    () => "read",
    (error: Error) => error.message,
  );

describe("a mounted folder", () => {
  test("is read by the names of its files, each a setting, and by what files of JSON and YAML hold", async () => {
    const { config, settings } = await read({
      title: "The Courier\n",
      "chat.burst": "5",
      "a.json": '{"db": {"size": 1, "url": "x"}}',
      "b.yaml": "db:\n  size: 2\nchat: {burst: 1, perSecond: 20}\n",
    });
    expect(config).toEqual({
      db: { size: 2, url: "x" },
      chat: { burst: "5", perSecond: 20 },
      title: "The Courier",
    });
    expect(settings).toEqual([
      ["db.size", "2", "ConfigMap DIR/b.yaml"],
      ["db.url", '"x"', "ConfigMap DIR/a.json"],
      ["chat.burst", '"5"', "ConfigMap DIR/chat.burst"],
      ["chat.perSecond", "20", "ConfigMap DIR/b.yaml"],
      ["title", '"The Courier"', "ConfigMap DIR/title"],
    ]);
  });

  test("that is a Secret's shows none of its values", async () => {
    const { config, settings } = await read({ "db.user": "ada" }, { secret: true });
    expect(config).toEqual({ db: { user: "ada" } });
    expect(settings).toEqual([["db.user", "(secret)", "Secret DIR/db.user"]]);
  });

  test("that cannot be understood is refused with the file, and without a piece of its text", async () => {
    expect(await problem({ "a.json": '{"password": hunter2}' })).toMatch(/a\.json is not valid JSON/);
    expect(await problem({ "a.yml": "a: hunter2: hunter2" })).toMatch(/a\.yml is not valid YAML at line 1 column \d+/);
    expect(await problem({ "a.yaml": "- hunter2" })).toContain("a.yaml holds no object of settings");
    expect(await problem({ "a.yaml": "" })).toContain("a.yaml holds no object of settings");
    expect(await problem({ "a.json": '{"password": hunter2}', "a.yml": "a: hunter2: hunter2" })).not.toContain(
      "hunter",
    );
    expect(await problem({ db: "x", "db.url": "y" })).toContain("db and db.url contradict each other");
    expect(await problem({ "db.": "x" })).toContain("db. is not a name that a setting can have");
  });

  test("that is not there keeps an application from starting, and says which", async () => {
    const app = application({ name: "lost", version: "1", start: () => sup.startLink() });
    const error: unknown = await app.start({ config: [mountedConfig("/nowhere")] }).catch((given: unknown) => given);
    expect(isError(error, "INTERLOCK_CONFIG_INVALID") && error.details.issues[0]).toMatchObject({
      source: "ConfigMap /nowhere",
      message: expect.stringContaining("ENOENT"),
    });
  });

  test("says in which file a value that is missing would have to stand", async () => {
    using mount = new Mount({});
    const schema = z.object({ db: z.object({ url: z.string() }) });
    const app = application({ name: "lacking", version: "1", config: schema, start: () => sup.startLink() });
    await expect(app.start({ config: [mountedConfig(mount.directory)] })).rejects.toThrow(
      `it can be given by ConfigMap ${mount.directory}/db`,
    );
  });

  test("is read whole, of one version, while the kubelet replaces it again and again", async () => {
    const filesOf = (version: number) => ({ one: String(version), other: String(version) });
    using mount = new Mount(filesOf(0));
    const provider = mountedConfig(mount.directory);
    const context = { application: "a", environment: {}, files: { readText: () => Promise.reject(new Error("no")) } };
    for (let version = 1; version <= 50; version++) {
      const reading = provider.load(context);
      mount.swap(filesOf(version));
      const { one, other } = (await reading) as { readonly one: string; readonly other: string };
      expect(one).toBe(other);
    }
  });
});
