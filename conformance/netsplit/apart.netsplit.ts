/** Clusters that were begun apart and meet. */
import { test } from "vitest";
import { describeNetsplits } from "./required.ts";
import { Town } from "./town.ts";

describeNetsplits("two clusters", () => {
  test("that were begun apart are one once they find each other", async () => {
    const pair = (name: string): readonly string[] => ("ab".includes(name) ? ["a", "b"] : ["c", "d"]);
    await using town = await Town.make(["a", "b", "c", "d"], { finds: pair, requiredContactPoints: 2 });
    await Promise.all(town.names.map((name) => town.start(name)));
    await town.untilStates("a", "a up, b up");
    await town.untilStates("d", "c up, d up");
    await town.writeBy("a", "d");
    await town.at("b").ask(
      "find",
      town.names.map((name) => town.nodeOf(name)),
    );
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("of which one was begun anew by the larger half of the other, during a split, are one once it heals", async () => {
    await using town = await Town.make(["a", "b", "c"], { requiredContactPoints: 2 });
    await Promise.all(town.names.map((name) => town.start(name)));
    await town.isWhole();
    await town.network.unplug("c");
    await town.untilStates("c", "a down, b down, c up");
    for (const name of ["a", "b"]) await town.kill(name);
    for (const name of ["a", "b"]) await town.start(name);
    await town.isWhole(["a", "b"]);
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });
});
