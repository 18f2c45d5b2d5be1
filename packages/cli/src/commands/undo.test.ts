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
