/** Networks that break between real programs, and what the cluster makes of it. */
import { describe, expect, test } from "vitest";
import { missingForNetworks } from "./network.ts";
import { Town } from "./town.ts";

const missing = missingForNetworks();
if (missing !== undefined && process.env["CI"] !== undefined) throw new Error(`CI must not go without it: ${missing}`);
if (missing !== undefined) test.skip(`networks that break: ${missing}`);

describe.skipIf(missing !== undefined)("a cut", () => {
  test("between two nodes that both see a third", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    await town.network.cut("a", "b");
    await town.untilStates("a", "a up, b down, c up");
    await town.untilStates("b", "a down, b up, c up");
    expect(await town.states("c")).toBe("a up, b up, c up");
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });
});
