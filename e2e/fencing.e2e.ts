/** A writer that holds no lease is caught by what it writes to; and without a fence the same test would see its writes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { type Keeper, Keepers } from "./failures/keepers.ts";
import { Ledger } from "./failures/ledger.ts";
import { describeOnMachines } from "./failures/machines.ts";

describeOnMachines("a planted writer", () => {
  let keepers: Keepers;
  let ledger: Ledger;
  let holder: Keeper;
  beforeAll(async () => {
    ledger = await Ledger.open();
    keepers = await Keepers.deploy("fencing", ledger);
    holder = await keepers.holder();
    await holder.act("/plant/token");
  });
  afterAll(async () => {
    await keepers?.[Symbol.asyncDispose]();
    ledger?.[Symbol.dispose]();
  });

  const refused = (token: (token: number) => boolean) => () =>
    ledger.refused.some((one) => one.kind === "planted" && token(one.token));

  test("that shows no token is refused", async () => {
    await holder.act("/plant/none");
    await eventually(
      "it is refused",
      refused((token) => token === 0),
    );
  });

  test("that goes on by the token of a term that is over is refused", async () => {
    const { token } = ledger.owner ?? { token: 0 };
    // Taken from the clerk, as by somebody who edits the Lease: its node has to notice, and whoever comes next has another token.
    await keepers.namespace.kubectl(
      "patch",
      "lease",
      "keeper-clerk",
      "--type=merge",
      '-p={"spec":{"holderIdentity":""}}',
    );
    await eventually("the next term has begun", () => (ledger.owner?.token ?? 0) > token);
    await eventually(
      "it is refused",
      refused((one) => one === token),
    );
    expect(ledger.staleAccepted).toEqual([]);
  });

  test("would be seen where it is not refused", async () => {
    ledger.fenced = false;
    await eventually("a stale write was accepted", () => ledger.staleAccepted.length > 0);
  });
});
