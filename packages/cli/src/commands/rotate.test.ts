import { expect, test } from "vitest";
import { parseAppSpec } from "../deploy/app-spec.ts";
import { whileLocked } from "../deploy/lock.ts";
import { ensureSecrets, textsOf } from "../identity/secrets.ts";
import { kindsIn } from "../kinds.ts";
import { TestTerminal } from "./commands.fixture.ts";
import { rotateIdentity } from "./rotate.ts";

const appWith = (spec: string) =>
  parseAppSpec(
    `apiVersion: interlock.dev/v1alpha1\nkind: InterlockApp\nmetadata: { name: bank }\nspec: { ${spec} }\n`,
    "",
  );

test("deploy --rotate changes the cookie, says each step, shows neither cookie, and gives its lock back", async () => {
  const given = new TestTerminal();
  const { api } = await given.connect();
  const place = { cluster: "bank", namespace: "shop" };
  await ensureSecrets(api, { ...place, tls: false, fieldManager: "test", applied: () => undefined });
  const cookie = async () => textsOf(await api.get(kindsIn("shop").secrets, "bank-cookie"))["cookie"] ?? "";
  const before = await cookie();
  // No pods: each step is at once everywhere.
  for (let times = 1; times <= 2; times++) await rotateIdentity("cookie", appWith(""), {}, given);
  const after = await cookie();
  expect(after).toMatch(/^[0-9a-f]{48}$/);
  expect(after).not.toBe(before);
  expect(given.talk.text).toContain("✔ the cookie of bank is another one");
  expect(given.talk.text).toContain("only the new one is left");
  expect(given.talk.text).not.toMatch(new RegExp(`${before}|${after}`));
});

test("deploy --rotate is refused while another application of the same cluster does it", async () => {
  const given = new TestTerminal();
  const { api } = await given.connect();
  const place = { cluster: "town", namespace: "shop" };
  await ensureSecrets(api, { ...place, tls: false, fieldManager: "test", applied: () => undefined });
  const before = await api.get(kindsIn("shop").secrets, "town-cookie");
  const other = { doing: "rotate", app: "town", namespace: "shop", say: () => undefined } as const;
  const hurried = { ...other, holder: "anna@desk", durationMs: 400 };
  await whileLocked(api, hurried, async () => {
    const refused = rotateIdentity("cookie", appWith("cluster: town"), {}, given);
    await expect(refused).rejects.toMatchObject({
      code: "INTERLOCK_DEPLOY_LOCKED",
      message: expect.stringContaining("town in shop is being rotated by anna@desk"),
    });
  });
  expect(await api.get(kindsIn("shop").secrets, "town-cookie")).toEqual(before);
  const { items } = await api.list(kindsIn("shop").leases);
  expect(items.map(({ metadata: { name }, spec }) => [name, spec?.holderIdentity])).toEqual([
    ["interlock-deploy-bank", ""],
    ["interlock-rotate-town", ""],
  ]);
});

test.each([
  ["something else", "name", ""],
  ["certificates where there are none", "certificates", "tls: false"],
])("%s cannot be rotated", async (_what, what, spec) => {
  await expect(rotateIdentity(what, appWith(spec), {}, new TestTerminal())).rejects.toMatchObject({
    code: "INTERLOCK_LAUNCH_OPTION",
    details: { option: "--rotate" },
  });
});
