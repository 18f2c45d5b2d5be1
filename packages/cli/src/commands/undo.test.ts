import { kubernetesApi } from "@interlock/kubernetes";
import { describe, expect, test } from "vitest";
import { TestTerminal } from "./commands.fixture.ts";
import { deployed, kinds, templateOf } from "./deployed.fixture.ts";
import { exitCodeOf } from "./exit-code.ts";
import { type UndoOptions, undo } from "./undo.ts";

const options: UndoOptions = { file: "interlock.yaml", wait: false, timeout: "60" };
const pods = { "bank-a": { hash: "hash2", version: "1.1.0" } } as const;

async function deploymentOf({ server }: TestTerminal) {
  const { spec } = await kubernetesApi({ transport: server.unfailing }).get(kinds.deployments, "bank");
  return spec;
}

describe("interlock undo", () => {
  test("gives the pods the template of the revision before, without its hash, and says what changes", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    await undo("bank", options, given);
    expect((await deploymentOf(given))?.template).toEqual(templateOf("1.0.0"));
    expect(given.talk.text).toBe(
      "bank in shop: revision 2 → revision 1\n  image of bank: registry/bank:1.1.0 → registry/bank:1.0.0\n  VERSION: 1.1.0 → 1.0.0\n",
    );
  });

  test("leaves what it changes to the next deployment, which meets no conflict", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    await undo("bank", options, given);
    const { api } = await given.connect();
    const spec = { ...(await deploymentOf(given)), template: templateOf("1.2.0") };
    await api.apply(kinds.deployments, { metadata: { name: "bank" }, spec } as never, {
      fieldManager: "interlock-deploy",
    });
    expect((await deploymentOf(given))?.template).toEqual(templateOf("1.2.0"));
  });

  test("goes back from what whoever had the lock before has deployed, and not from what was there before that", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    const api = kubernetesApi({ transport: given.server.unfailing });
    /** Another one's deployment of 1.2.0, with three replicas. */
    const deployedMeanwhile = async (): Promise<void> => {
      const annotations = { "deployment.kubernetes.io/revision": "3" };
      const spec = { replicas: 3, template: templateOf("1.2.0") };
      await api.patch(kinds.deployments, "bank", { metadata: { annotations } });
      await api.patch(kinds.deployments, "bank", { spec }, { fieldManager: "interlock-deploy" });
      const { metadata } = templateOf("1.2.0", "hash3");
      const set = { metadata: { ...metadata, name: "bank-hash3", namespace: "shop", annotations } };
      await api.create(kinds.replicaSets, { ...set, spec: { template: templateOf("1.2.0", "hash3") } } as never);
    };
    given.transport = {
      server: given.server.server,
      close: () => undefined,
      request: async (request) => {
        if (request.method === "POST" && request.path.includes("/leases")) await deployedMeanwhile();
        return given.server.request(request);
      },
    };
    await undo("bank", options, given);
    expect(await deploymentOf(given)).toMatchObject({ replicas: 3, template: templateOf("1.1.0") });
    expect(given.talk.text).toContain("revision 3 → revision 2\n  image of bank: registry/bank:1.2.0 →");
  });

  test("interrupted while it reads what is there, it changes nothing", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    given.server.fault = ({ path }) => {
      if (path.includes("/replicasets")) process.emit("SIGINT", "SIGINT");
      return undefined;
    };
    await expect(undo("bank", options, given)).rejects.toMatchObject({ code: "INTERLOCK_INTERRUPTED" });
    expect((await deploymentOf(given))?.template).toEqual(templateOf("1.1.0"));
  });

  test("with --dry-run it says the same and changes nothing", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    await undo("bank", { ...options, dryRun: true, to: "1" }, given);
    expect((await deploymentOf(given))?.template).toEqual(templateOf("1.1.0"));
    expect(given.talk.text).toContain("revision 2 → revision 1");
    expect(given.talk.text).toContain("nothing was changed");
  });

  test("refuses a revision that is not kept, and names those that are", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    for (const to of ["2", "7"]) {
      const refused = undo("bank", { ...options, to }, given);
      await expect(refused).rejects.toMatchObject({ code: "INTERLOCK_NO_SUCH_REVISION", details: { known: [1] } });
      expect(await refused.catch(exitCodeOf)).toBe(5);
    }
    await expect(undo("bank", { ...options, to: "one" }, given)).rejects.toMatchObject({
      code: "INTERLOCK_LAUNCH_OPTION",
    });
  });

  test("follows the rollout until it is done", async () => {
    const given = new TestTerminal();
    await deployed(given.server, pods);
    const api = kubernetesApi({ transport: given.server.unfailing });
    const done = { updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2, replicas: 2 };
    await api.patch(kinds.deployments, "bank", { status: done });
    await undo("bank", { ...options, wait: true }, given);
    expect(given.talk.text).toMatch(/✔ bank in shop: .* rolled out\n$/);
  });
});
