import { kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import { expect, test } from "vitest";
import { VirtualTime } from "../../../cluster/src/names/virtual-time.fixture.ts";
import { exitCodeOf } from "../commands/exit-code.ts";
import { kindsIn } from "../kinds.ts";
import { type LockOptions, whileLocked } from "./lock.ts";

const namespace = "shop";
const { leases } = kindsIn(namespace);

function given() {
  const server = new FakeApiServer();
  const api = kubernetesApi({ transport: server, namespace });
  const said: string[] = [];
  const options = (holder: string): LockOptions => ({
    app: "bank",
    namespace,
    holder,
    durationMs: 400,
    say: (line) => said.push(line),
  });
  const holderOf = async (): Promise<string | undefined> =>
    (await api.find(leases, "interlock-deploy-bank"))?.spec?.holderIdentity;
  return { server, api, said, options, holderOf };
}

test("a deployment is refused while another one runs, with who runs it and since when, and goes on after it", async () => {
  const { api, holderOf, options } = given();
  const going = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const first = whileLocked(api, options("anna@desk"), async () => {
    begun.resolve();
    await going.promise;
    return "done";
  });
  await begun.promise;
  expect(await holderOf()).toBe("anna@desk");
  const second = whileLocked(api, options("bert@train"), async () => "too");
  await expect(second).rejects.toMatchObject({
    code: "INTERLOCK_DEPLOY_LOCKED",
    details: { app: "bank", namespace, holder: "anna@desk", since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
  });
  expect(await second.catch(exitCodeOf)).toBe(7);
  going.resolve();
  expect(await first).toBe("done");
  expect(await holderOf()).toBe("");
  expect(await whileLocked(api, options("bert@train"), async () => "too")).toBe("too");
});

test("of one that has died the lock is taken over once it has stood still for as long as it is good", async () => {
  const { api, holderOf, options, said } = given();
  const spec = { holderIdentity: "anna@desk", leaseDurationSeconds: 1, leaseTransitions: 4 };
  await api.create(leases, { metadata: { name: "interlock-deploy-bank" }, spec });
  const held = await whileLocked(api, options("bert@train"), holderOf);
  expect(held).toBe("bert@train");
  expect(said).toEqual([expect.stringContaining("anna@desk deploys bank, or has died doing it")]);
});

test("whoever waits for it and gives up does nothing, and waits no longer", async () => {
  const { api: unhurried, server, options, holderOf } = given();
  const time = new VirtualTime();
  const api = kubernetesApi({ transport: server, namespace, runtime: time.node().runtime });
  const spec = { holderIdentity: "anna@desk", leaseDurationSeconds: 1, leaseTransitions: 4 };
  await unhurried.create(leases, { metadata: { name: "interlock-deploy-bank" }, spec });
  const interrupted = new AbortController();
  let begun = false;
  const waiting = whileLocked(api, { ...options("bert@train"), signal: interrupted.signal }, async () => {
    begun = true;
  });
  await time.settle();
  expect(time.alarms).toBe(1);
  // The clock stands still: nothing but the signal ends the wait.
  interrupted.abort(new Error("Ctrl-C"));
  await expect(waiting).rejects.toThrow("Ctrl-C");
  expect(begun).toBe(false);
  expect(time.alarms).toBe(0);
  expect(await holderOf()).toBe("anna@desk");
});

test("whoever gives up while it is granted gives it back, and does nothing", async () => {
  const { api, holderOf, options, server } = given();
  const interrupted = new AbortController();
  server.fault = ({ method }) => {
    if (method === "POST") interrupted.abort(new Error("Ctrl-C"));
    return undefined;
  };
  let begun = false;
  const refused = whileLocked(api, { ...options("anna@desk"), signal: interrupted.signal }, async () => {
    begun = true;
  });
  await expect(refused).rejects.toThrow("Ctrl-C");
  expect(begun).toBe(false);
  expect(await holderOf()).toBe("");
});

test("whoever gives up while it is held is told by the signal", async () => {
  const { api, options } = given();
  const interrupted = new AbortController();
  await whileLocked(api, { ...options("anna@desk"), signal: interrupted.signal }, async (signal) => {
    interrupted.abort(new Error("Ctrl-C"));
    expect(signal.reason).toEqual(new Error("Ctrl-C"));
  });
});

test("it is given back when the deployment fails, with its own error", async () => {
  const { api, holderOf, options } = given();
  const failing = whileLocked(api, options("anna@desk"), () => Promise.reject(new Error("no image")));
  await expect(failing).rejects.toThrow("no image");
  expect(await holderOf()).toBe("");
});

test("who has lost it is told by the signal", async () => {
  const { api, options } = given();
  await whileLocked(api, options("anna@desk"), async (signal) => {
    const lost = new Promise((resolve) => signal.addEventListener("abort", resolve));
    const object = await api.get(leases, "interlock-deploy-bank");
    await api.update(leases, {
      ...object,
      spec: { ...object.spec, holderIdentity: "bert@train", leaseTransitions: 9 },
    });
    await lost;
    expect(signal.reason).toMatchObject({ code: "INTERLOCK_DEPLOY_LOCKED", details: { holder: "bert@train" } });
  });
});

/** Two who deploy the same, on one clock that stands still until the test moves it; each with a network of its own. */
function twoOnOneClock() {
  const time = new VirtualTime();
  const { server, options } = given();
  const cut = { anna: false };
  const { runtime } = time.node();
  const transport = {
    server: server.server,
    close: () => undefined,
    request: (request: Parameters<typeof server.request>[0]) =>
      cut.anna
        ? new Promise<never>((_, reject) => request.signal.addEventListener("abort", () => reject(new Error("late"))))
        : server.request(request),
  };
  const anna = kubernetesApi({ transport, namespace, runtime });
  const bert = kubernetesApi({ transport: server, namespace, runtime });
  return { anna, bert, cut, time, options: (holder: string) => ({ ...options(holder), durationMs: 15_000 }) };
}

const whenAborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));

test("who is cut off has ended before another one begins, also while a renewal has no answer", async () => {
  const { anna, bert, cut, options, time } = twoOnOneClock();
  const order: unknown[] = [];
  const first = whileLocked(anna, options("anna@desk"), async (signal) => {
    order.push(await whenAborted(signal));
  });
  await time.settle();
  cut.anna = true;
  const second = whileLocked(bert, options("bert@train"), async () => void order.push("bert"));
  await time.advance(30_000);
  await Promise.all([first, second]);
  expect(order).toEqual([
    expect.objectContaining({
      code: "INTERLOCK_DEPLOY_LOCK_LOST",
      details: { app: "bank", namespace, forMs: 10_000 },
    }),
    "bert",
  ]);
});

test("a renewal without an answer loses nothing, if the next one has one", async () => {
  const { anna, cut, options, time } = twoOnOneClock();
  const going = Promise.withResolvers<void>();
  const first = whileLocked(anna, options("anna@desk"), async (signal) => {
    await going.promise;
    signal.throwIfAborted();
    return "done";
  });
  for (let times = 0; times < 10; times++) {
    await time.advance(1_500);
    cut.anna = true;
    await time.advance(5_000);
    cut.anna = false;
    await time.advance(1_500);
  }
  going.resolve();
  await time.settle();
  expect(await first).toBe("done");
  expect(time.alarms).toBe(0);
});

test("without a namespace, or without the right to it, it says which", async () => {
  const { api, options, server } = given();
  const body = async (): Promise<void> => undefined;
  server.fault = ({ method }) => (method === "POST" ? { status: 403, message: "no" } : undefined);
  const denied = whileLocked(api, options("anna@desk"), body);
  await expect(denied).rejects.toMatchObject({
    code: "INTERLOCK_DEPLOY_FORBIDDEN",
    details: { what: "Lease interlock-deploy-bank" },
  });
  expect(await denied.catch(exitCodeOf)).toBe(8);
});
