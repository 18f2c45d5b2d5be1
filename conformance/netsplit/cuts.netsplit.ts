/** Connections that break between real programs, and what the members of a cluster make of it. */
import { expect, test } from "vitest";
import { describeNetsplits } from "./required.ts";
import { Town } from "./town.ts";

describeNetsplits("a cluster", () => {
  test("of which two cannot see each other says so on all nodes, without flapping, and is whole once they can", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const fromMs = town.now();
    await town.network.cut("a", "b");
    await town.untilStates("a", "a up, b down, c up");
    await town.untilStates("b", "a down, b up, c up");
    await town.afterWrites(60);
    expect(await town.states("c")).toBe("a up, b up, c up");
    await town.until("everybody knows who sees whom", async () => {
      const differing = await Promise.all(town.names.map((name) => town.differing(name)));
      return differing.join(" | ") === "c: b | c: a | a: b, b: a" ? [] : differing;
    });
    expect([town.changes("a", "b", fromMs), town.changes("b", "a", fromMs)]).toEqual([["down"], ["down"]]);
    expect(town.names.flatMap((name) => town.changes(name, "c", fromMs))).toEqual([]);
    await town.writeBy("a", "b");
    const entering = town.enterBy("a", "b");
    await town.network.heal();
    await entering;
    await town.isWhole();
    expect([town.changes("a", "b", fromMs), town.changes("b", "a", fromMs)]).toEqual(Array(2).fill(["down", "up"]));
    expect(town.changes("c", "a", fromMs)).toEqual([]);
    await town.expectOneOwner();
  });

  test("of which one is heard and hears nothing is whole again once it does", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    await town.network.cutOneWay("b", "a");
    await town.network.cutOneWay("c", "a");
    await town.untilStates("a", "a up, b down, c down");
    await town.untilStates("b", "a down, b up, c up");
    await town.writeBy("a", "b");
    await town.enterBy("a", "b");
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("of which one is in a black hole finds that by the ticks, and is whole again after it", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    await town.network.cut("c", "a");
    await town.network.cut("c", "b");
    await town.untilStates("a", "a up, b up, c down");
    await town.untilStates("c", "a down, b down, c up");
    expect([town.lossOf("a", "c"), town.lossOf("c", "a")]).toEqual(["net_tick_timeout", "net_tick_timeout"]);
    await town.until("each side agrees within itself", async () => {
      const differing = await Promise.all(town.names.map((name) => town.differing(name)));
      return differing.join("") === "" ? [] : differing;
    });
    await town.writeBy("a", "c", "b");
    await town.enterBy("a", "c", "b");
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("of which one's connections are reset finds that at once", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    await town.network.cut("c", "a", "reset");
    await town.network.cut("c", "b", "reset");
    await town.untilStates("a", "a up, b up, c down");
    await town.untilStates("c", "a down, b down, c up");
    expect([town.lossOf("a", "c"), town.lossOf("c", "a")]).toEqual(["connection_closed", "connection_closed"]);
    await town.writeBy("a", "c");
    await town.enterBy("a", "c");
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("of which each is alone is whole again after it", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    for (const name of town.names) await town.network.unplug(name);
    for (const name of town.names)
      await town.until(`${name} is alone`, async () => {
        const up = (await town.states(name)).match(/up/g);
        return up?.length === 1 ? [] : [`${up?.length} are up`];
      });
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("whose global names may not be in two partitions parts wholly where two cannot see each other, and is whole again", async () => {
    await using town = await Town.whole(["a", "b", "c"], { preventOverlappingPartitions: true });
    await town.network.cut("a", "b");
    await town.until("c has parted with one of them", () =>
      (town.lossOf("c", "a") ?? town.lossOf("c", "b")) ? [] : ["no"],
    );
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("on a network that is slow and loses packets does not split", async () => {
    await using town = await Town.whole(["a", "b", "c"], { tickMs: 2_000 });
    const fromMs = town.now();
    for (const name of town.names) {
      await town.network.slow(name, 256);
      await town.network.lose(name, 5);
    }
    for (let round = 0; round < 3; round++) {
      await town.writeBy("a", "b", "c");
      await town.isWhole();
      await town.afterWrites(30);
    }
    const changes = town.names.flatMap((seen) => town.names.flatMap((of) => town.changes(seen, of, fromMs)));
    expect(changes).toEqual([]);
    await town.network.heal();
    await town.expectOneOwner();
  });
});
