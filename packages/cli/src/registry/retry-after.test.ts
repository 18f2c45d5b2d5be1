import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeRuntime, type Runtime } from "@interlock/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { digestOf } from "../release/layer.ts";
import { credentialsFor } from "./credentials.ts";
import { imageReference } from "./reference.ts";
import { MemoryRegistry, password, user } from "./registry.fixture.ts";
import { Registry } from "./registry.ts";
import { retryAfterMs } from "./retry-after.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);

describe("when a registry may be asked again", () => {
  test.each([
    [429, "2", 2_000],
    [503, " 0 ", 0],
    [429, "30", 30_000],
    [429, "31", undefined],
    [503, new Date(NOW_MS + 7_000).toUTCString(), 7_000],
    [503, new Date(NOW_MS - 7_000).toUTCString(), 0],
    [503, new Date(NOW_MS + 3_600_000).toUTCString(), undefined],
    [429, null, undefined],
    [429, "soon", undefined],
    [500, "2", undefined],
    [404, "2", undefined],
  ])("%i with %j is %j", (status, header, waitMs) => {
    expect(retryAfterMs(status, header, NOW_MS)).toBe(waitMs);
  });

  test("is never before now, nor later than anybody would wait, whatever it says", () => {
    const header = fc.oneof(fc.string(), fc.integer().map(String), fc.date({ noInvalidDate: true }).map(String));
    fc.assert(
      fc.property(header, (text) => {
        const waitMs = retryAfterMs(429, text, NOW_MS) ?? 0;
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});

describe("a registry that has too much to do", () => {
  const bytes = Buffer.from("a layer");
  const blob = { bytes, digest: digestOf(bytes) };
  const waited: number[] = [];
  /** Waits that are over at once; what limits a request is not. */
  const runtime: Pick<Runtime, "clock" | "timers"> = {
    clock: { ...nodeRuntime.clock, wallTime: () => NOW_MS },
    timers: {
      ...nodeRuntime.timers,
      set: (callback, delayMs) => {
        if (delayMs > 30_000) return nodeRuntime.timers.set(callback, delayMs);
        waited.push(delayMs);
        return nodeRuntime.timers.set(callback, 0);
      },
    },
  };

  let folder: string;
  beforeEach(async () => {
    waited.length = 0;
    folder = await mkdtemp(join(tmpdir(), "interlock-docker-"));
    vi.stubEnv("DOCKER_CONFIG", folder);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  async function client({ host }: MemoryRegistry): Promise<Registry> {
    const auth = Buffer.from(`${user}:${password}`).toString("base64");
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
    const image = imageReference(`${host}/team/bank:1.4.0`, "--push");
    return new Registry({ image, credentials: await credentialsFor(host), scope: "pull,push", runtime });
  }

  test("is asked again after the time that it says, and three times at most", async () => {
    await using registry = await MemoryRegistry.start();
    const asking = await client(registry);
    await asking.push(blob);
    const busy = { method: "GET", status: 429, retryAfter: "2" };
    registry.busy.push(busy, { ...busy, status: 503, retryAfter: "0" }, { ...busy, retryAfter: "30" });
    expect(await asking.blob(blob.digest)).toEqual(new Uint8Array(bytes));
    expect(waited).toEqual([2_000, 0, 30_000]);
    waited.length = 0;
    registry.busy.push(busy, busy, busy, busy);
    await expect(asking.blob(blob.digest)).rejects.toMatchObject({
      code: "INTERLOCK_REGISTRY",
      details: { status: 429 },
    });
    expect(waited).toEqual([2_000, 2_000, 2_000]);
    expect(registry.busy).toEqual([]);
  });

  test("and does not say when to come again, or not soon, has failed", async () => {
    await using registry = await MemoryRegistry.start();
    const asking = await client(registry);
    registry.busy.push({ method: "HEAD", status: 429 }, { method: "HEAD", status: 503, retryAfter: "3600" });
    await expect(asking.push(blob)).rejects.toMatchObject({ details: { status: 429 } });
    await expect(asking.push(blob)).rejects.toMatchObject({ details: { status: 503 } });
    expect(waited).toEqual([]);
  });

  test("is sent a blob again from the beginning: what was to take it the first time is gone", async () => {
    await using registry = await MemoryRegistry.start();
    const asking = await client(registry);
    const busy = { status: 503, retryAfter: "1" };
    registry.busy.push({ ...busy, method: "PUT" }, { ...busy, method: "PUT" });
    expect(await asking.push(blob)).toBe(true);
    const uploads = registry.requests.filter((one) => one.includes("/uploads/"));
    const at = "/v2/team/bank/blobs/uploads/";
    expect(uploads).toEqual([`POST ${at}`, `PUT ${at}1`, `POST ${at}`, `PUT ${at}2`, `POST ${at}`, `PUT ${at}3`]);
    expect(registry.blobs.get(blob.digest)).toEqual(bytes);
    registry.busy.push({ ...busy, method: "PUT" });
    const nothing = Buffer.from(JSON.stringify({ config: blob, layers: [] }));
    await asking.pushManifest("1.4.0", "application/json", nothing);
    expect(registry.manifests.get("1.4.0")?.bytes).toEqual(nothing);
  });
});
