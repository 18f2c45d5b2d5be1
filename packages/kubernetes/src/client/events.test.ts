import { afterEach, beforeEach, expect, test } from "vitest";

import { FakeApiServer } from "../testing/fake-api-server.ts";
import { type KubernetesApi, kubernetesApi } from "./api.ts";
import type { RecordedEvent } from "./event-series.ts";
import { type EventRecorder, type EventRecorderOptions, eventRecorder, eventResource } from "./events.ts";
import { TestProgram } from "./program.fixture.ts";

const regarding = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion: "7" },
});
const event = (name: string, more: Partial<RecordedEvent> = {}): RecordedEvent => ({
  regarding: regarding(name),
  reason: "DrainStarted",
  action: "Drain",
  note: "it begins",
  ...more,
});

let program: TestProgram;
let server: FakeApiServer;
let api: KubernetesApi;
beforeEach(() => {
  program = new TestProgram();
  const { runtime } = program.node;
  server = new FakeApiServer({ runtime });
  api = kubernetesApi({ transport: server, runtime });
});
afterEach(() => program[Symbol.asyncDispose]());

async function started(options: Partial<EventRecorderOptions> = {}): Promise<EventRecorder> {
  const events = eventRecorder({ api, controller: "interlock.dev/operator", instance: "operator-0", ...options });
  await program.supervise(events.child());
  return events;
}
const written = async () => (await api.list(eventResource("shop"))).items;
const counts = async () => (await written()).map(({ series }) => series?.count ?? 1);
const writes = (): number => server.requests.filter(({ method }) => method !== "GET").length;

test("an event is told with all that kubectl shows", async () => {
  const events = await started();
  events.record(event("web-0", { type: "Warning", note: "x".repeat(2_000), related: regarding("web-1") }));
  await program.time.settle();
  const [found, ...others] = await written();
  expect(others).toEqual([]);
  expect(found).toMatchObject({
    metadata: { namespace: "shop", name: expect.stringMatching(/^web-0\.[0-9a-f]+$/) },
    eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    reportingController: "interlock.dev/operator",
    reportingInstance: "operator-0",
    type: "Warning",
    reason: "DrainStarted",
    action: "Drain",
    regarding: { apiVersion: "v1", kind: "Pod", name: "web-0", namespace: "shop", uid: "uid-web-0" },
    related: { name: "web-1" },
  });
  expect(found?.series).toBeUndefined();
  expect(found?.note).toHaveLength(1_024);
});

test("the same event again is one with a count, written together; another one is another", async () => {
  const events = await started();
  for (let count = 0; count < 5; count++) events.record(event("web-0", { note: `the ${count}th` }));
  events.record(event("web-0", { reason: "HandoffIncomplete" }));
  await program.time.settle();
  expect(writes()).toBe(2);
  expect(await counts()).toEqual([5, 1]);
  for (let second = 0; second < 30; second++) {
    events.record(event("web-0"));
    await program.time.advance(1_000);
  }
  expect((await counts())[0]).toBeGreaterThan(25);
  expect(writes()).toBeLessThan(7);
  await program.time.advance(10_000);
  expect(await counts()).toEqual([35, 1]);
});

test("after six minutes it is the first of another series, and nothing is kept of the one before", async () => {
  const events = await started();
  events.record(event("web-0"));
  await program.time.advance(400_000);
  events.record(event("web-0"));
  await program.time.settle();
  expect(await counts()).toEqual([1, 1]);
  expect(writes()).toBe(2);
});

test("no more are written in a time than the rate allows, and none is lost for that", async () => {
  const events = await started({ rate: { perSecond: 2, burst: 3 } });
  for (let pod = 0; pod < 9; pod++) events.record(event(`web-${pod}`));
  await program.time.settle();
  expect(writes()).toBe(3);
  await program.time.advance(10_000);
  expect(writes()).toBe(9);
  expect(events.dropped).toBe(0);
});

test("of too many at a time the rest is dropped and counted", async () => {
  const events = await started();
  for (let pod = 0; pod < 1_010; pod++) events.record(event(`web-${pod}`));
  expect(events.dropped).toBe(10);
});

test("what the server does not take now is told later, and no event twice when only an answer was lost", async () => {
  const events = await started();
  server.stop();
  events.record(event("web-0"));
  await program.time.advance(1_000);
  server.start();
  await program.time.advance(10_000);
  expect(await counts()).toEqual([1]);
  server.fault = ({ method }) => (method === "POST" ? "answer lost" : undefined);
  events.record(event("web-1"));
  await program.time.settle();
  server.fault = undefined;
  await program.time.advance(10_000);
  expect(await counts()).toEqual([1, 1]);
  expect(events.dropped).toBe(0);
});

test("what is not granted is said once, and counted", async () => {
  const events = await started();
  const message = 'events is forbidden: User "system:serviceaccount:shop:web" cannot create resource "events"';
  server.fault = ({ method }) => (method === "POST" ? { status: 403, reason: "Forbidden", message } : undefined);
  for (let pod = 0; pod < 3; pod++) events.record(event(`web-${pod}`));
  await program.time.advance(60_000);
  expect(events.dropped).toBe(3);
  expect(program.warnings).toEqual(["events of interlock.dev/operator: could not be told"]);
  expect(writes()).toBe(3);
});

test("one that the server has dropped meanwhile is told anew", async () => {
  const events = await started();
  events.record(event("web-0"));
  await program.time.settle();
  const [found] = await written();
  await api.delete(eventResource("shop"), found?.metadata.name ?? "");
  events.record(event("web-0"));
  await program.time.advance(10_000);
  expect(await counts()).toEqual([2]);
});

test("what happened is told before the end", async () => {
  const events = eventRecorder({ api, controller: "interlock.dev/operator", instance: "operator-0" });
  const stop = await program.supervise(events.child());
  events.record(event("web-0"));
  await stop();
  expect(await counts()).toEqual([1]);
});
