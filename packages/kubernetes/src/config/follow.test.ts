import {
  type AnyApplication,
  application,
  type ConfigChange,
  genServer,
  getEnv,
  local,
  noreply,
  onReport,
  type Report,
  type SystemMessage,
  supervisor,
  watchConfig,
} from "@interlock/core";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type ConfigFiles,
  type FollowConfigOptions,
  type FollowedConfig,
  followConfig,
  machineFiles,
} from "./follow.ts";
import { Mount } from "./mount.fixture.ts";
import { mountedConfig } from "./mounted.ts";

const schema = z.object({ title: z.string().max(12), rate: z.coerce.number().int().positive() });
type Config = z.infer<typeof schema>;

/** Told of changes, as any server of an application may be. */
const Sign = genServer({
  name: "sign",
  init: (told: (change: ConfigChange<Config>) => void) => {
    watchConfig("followed");
    return told;
  },
  info: ({ state: told }, message: SystemMessage | ConfigChange<Config>) => {
    if (message.type === "config_change") told(message);
    return noreply();
  },
});

const started: AnyApplication[] = [];
const following: FollowedConfig[] = [];
afterEach(async () => {
  for (const one of following.splice(0)) one[Symbol.dispose]();
  for (const app of started.splice(0)) await app.stop();
});

async function follow(mount: Mount, options: FollowConfigOptions = {}) {
  const changes = new News<ConfigChange<Config>>();
  const lines = new News<string>();
  const sup = supervisor({
    name: "sup",
    strategy: "one_for_one",
    children: () => [Sign.child([(change) => changes.tell(change)], { name: local("sign") })],
  });
  const app = application({
    name: "followed",
    version: "1",
    config: schema,
    providers: [mountedConfig(mount.directory)],
    start: () => sup.startLink(),
  });
  await app.start();
  started.push(app);
  const followed = followConfig(app, { print: (line) => lines.tell(line), ...options });
  following.push(followed);
  return { app, changes, followed, lines };
}

/** What is told, for whoever waits for the next of it. */
class News<T> {
  #told: T[] = [];
  #waiting: ((news: T) => void) | undefined;

  tell(news: T): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#told.push(news);
    else waiting(news);
  }

  next(): Promise<T> {
    if (this.#told.length > 0) return Promise.resolve(this.#told.shift() as T);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}

describe("a mounted configuration that changes", () => {
  test("is in force at once and told to the servers that watch it, without a restart", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const { app, changes, followed } = await follow(mount, { pollMs: 1_000_000 });
    mount.swap({ title: "Herald", rate: "20" });
    expect(await changes.next()).toMatchObject({ application: "followed", changed: { title: "Herald" } });
    expect(getEnv(app, "title")).toBe("Herald");
    mount.swap({ title: "Herald", rate: "5" });
    expect(await changes.next()).toMatchObject({ changed: { rate: 5 } });
    expect(followed.status.settings).toMatchObject([
      { path: "title", shown: '"Herald"', source: `ConfigMap ${mount.directory}/title` },
      { path: "rate", shown: "5" },
    ]);
  });

  test("is noticed by the slow look when the system tells nothing of it", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const deaf: ConfigFiles = { ...machineFiles, watch: () => () => undefined };
    const { changes } = await follow(mount, { pollMs: 20, files: deaf });
    mount.swap({ title: "Herald", rate: "20" });
    expect(await changes.next()).toMatchObject({ changed: { title: "Herald" } });
  });

  test("is noticed by the slow look when nothing more can be watched", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const watch = (): never => {
      throw Object.assign(new Error("no space left for watches"), { code: "ENOSPC" });
    };
    const { changes } = await follow(mount, { pollMs: 20, files: { ...machineFiles, watch } });
    mount.swap({ title: "Herald", rate: "20" });
    expect(await changes.next()).toMatchObject({ changed: { title: "Herald" } });
  });

  test("that came between the start and the first look is not missed", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const { app, changes, followed } = await follow(mount);
    followed[Symbol.dispose]();
    mount.swap({ title: "Herald", rate: "20" });
    following.push(followConfig(app, { pollMs: 1_000_000 }));
    expect(await changes.next()).toMatchObject({ changed: { title: "Herald" } });
  });
});

describe("a mounted configuration that is wrong", () => {
  test("is refused with key, source and reason, once; all stays as it was, and a good one heals it", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const reports: Report[] = [];
    onReport((report) => void (report.type === "warning" && reports.push(report)));
    const { app, changes, followed, lines } = await follow(mount, { pollMs: 20 });
    mount.swap({ title: "Herald", rate: "fast" });
    const line = await lines.next();
    expect(line).toContain("followed: the configuration stays as it was");
    expect(line).toMatch(/rate: .*; got "fast" \(ConfigMap .*\/rate\)/);
    expect([getEnv(app, "title"), getEnv(app, "rate")]).toEqual(["Courier", 20]);
    expect(followed.status).toMatchObject({ changes: 0, refused: expect.stringContaining('got "fast"') });
    expect(followed.status.settings).toMatchObject([{ shown: '"Courier"' }, { shown: "20" }]);
    mount.swap({ title: "Courier", rate: "20" });
    expect(await lines.next()).toBe("followed: the configuration is valid again");
    expect(followed.status.refused).toBeUndefined();
    mount.swap({ title: "Herald", rate: "7" });
    expect(await changes.next()).toMatchObject({ changed: { title: "Herald", rate: 7 } });
    expect(reports).toMatchObject([
      { type: "warning", label: "application followed", text: expect.stringContaining("stays as it was") },
    ]);
  });

  test("is no reason to stop looking when it cannot even be read", async () => {
    using mount = new Mount({ title: "Courier", rate: "20" });
    const { changes, lines } = await follow(mount, { pollMs: 20 });
    mount.swap({ "all.yaml": "title: [" });
    expect(await lines.next()).toContain("all.yaml is not valid YAML");
    mount.swap({ "all.yaml": "title: Herald\nrate: 3\n" });
    expect(await changes.next()).toMatchObject({ changed: { title: "Herald", rate: 3 } });
  });
});
