import { afterEach, beforeEach, expect, test } from "vitest";

import { FakeApiServer } from "../testing/fake-api-server.ts";
import { type KubernetesApi, kubernetesApi } from "./api.ts";
import { TestProgram } from "./program.fixture.ts";
import { resource } from "./resource.ts";
import type { ApiTransport } from "./transport.ts";

const configMaps = resource({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespace: "shop" });
let program: TestProgram;
let server: FakeApiServer;
let api: KubernetesApi;
beforeEach(() => {
  program = new TestProgram();
  server = new FakeApiServer({ runtime: program.node.runtime });
  api = kubernetesApi({ transport: server, runtime: program.node.runtime });
});
afterEach(() => program[Symbol.asyncDispose]());

/** What became of it, once it has come. */
function outcome<T>(asked: Promise<T>): { value: unknown } {
  const result: { value: unknown } = { value: "nothing yet" };
  asked.then(
    (value) => {
      result.value = value;
    },
    (error: unknown) => {
      result.value = error;
    },
  );
  return result;
}

test("an answer that does not come in time is none, and says that it may have been done", async () => {
  server.pause();
  const asked = outcome(api.get(configMaps, "a", { requestMs: 3_000 }));
  await program.time.advance(2_999);
  expect(asked.value).toBe("nothing yet");
  await program.time.advance(1);
  expect(asked.value).toMatchObject({
    code: "INTERLOCK_KUBERNETES_UNREACHABLE",
    message: expect.stringContaining("longer than 3000 ms"),
    hint: expect.stringContaining("may have been done"),
  });
});

test("whoever gives a request up is told why it gave it up, and of no error of the server", async () => {
  server.pause();
  const giving = new AbortController();
  const asked = outcome(api.get(configMaps, "a", { signal: giving.signal }));
  await program.time.settle();
  const reason = new Error("no time");
  giving.abort(reason);
  await program.time.settle();
  expect(asked.value).toBe(reason);
  await expect(api.get(configMaps, "a", { signal: giving.signal })).rejects.toBe(reason);
});

test.each([429, 503])(
  "a server that answers %i and when to come back is asked again then, a few times",
  async (status) => {
    let refusals = 3;
    server.fault = () => (refusals-- > 0 ? { status, retryAfterSeconds: 2 } : undefined);
    const asked = outcome(api.list(configMaps));
    await program.time.advance(1_999);
    expect(server.requests).toHaveLength(1);
    await program.time.advance(9_000);
    expect(asked.value).toMatchObject({ items: [] });
    refusals = 100;
    const again = outcome(api.list(configMaps));
    await program.time.advance(60_000);
    expect(again.value).toMatchObject({ details: { retryAfterMs: 2_000 } });
    expect(server.requests).toHaveLength(4 + 5);
  },
);

test("other failures are not asked again: the caller knows whether that may be done twice", async () => {
  for (const fault of [{ status: 500 }, { status: 503 }, { status: 429 }, "refused", "answer lost"] as const) {
    server.requests.length = 0;
    server.fault = () => fault;
    const asked = outcome(api.create(configMaps, { metadata: { name: "a" } }));
    await program.time.advance(60_000);
    expect(asked.value).toBeInstanceOf(Error);
    expect(server.requests).toHaveLength(1);
  }
});

test("giving up ends the wait for the next attempt", async () => {
  server.fault = () => ({ status: 429, retryAfterSeconds: 30 });
  const giving = new AbortController();
  const asked = outcome(api.list(configMaps, { signal: giving.signal }));
  await program.time.advance(1_000);
  giving.abort(new Error("no time"));
  await program.time.settle();
  expect(asked.value).toMatchObject({ message: "no time" });
  await program.time.advance(60_000);
  expect(server.requests).toHaveLength(1);
});

test("an answer that is no JSON is an error that shows it", async () => {
  const transport: ApiTransport = {
    server: "https://proxy",
    close: () => undefined,
    request: async () => ({ status: 200, headers: {}, body: body("<html>log in</html>") }),
  };
  await expect(kubernetesApi({ transport }).get(configMaps, "a")).rejects.toMatchObject({
    code: "INTERLOCK_KUBERNETES_FAILED",
    message: expect.stringContaining("<html>log in</html>"),
  });
});

test("a watch that breaks off within an event says so, after all that was whole", async () => {
  const event = `{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}\n`;
  const transport: ApiTransport = {
    server: "https://proxy",
    close: () => undefined,
    request: async () => ({ status: 200, headers: {}, body: body(event, event.slice(0, 20)) }),
  };
  const events = await kubernetesApi({ transport }).watch(configMaps, {}, new AbortController().signal);
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const all of events) seen.push(...all.map(({ type }) => type));
  };
  await expect(read()).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNREACHABLE" });
  expect(seen).toEqual(["ADDED"]);
});

async function* body(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}
