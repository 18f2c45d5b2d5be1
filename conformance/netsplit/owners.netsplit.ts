/** What may be owned by one only, while its owner is cut off, frozen or killed. */
import { expect, test } from "vitest";
import { ownedTwice } from "./ledger.ts";
import { describeNetsplits } from "./required.ts";
import { Town } from "./town.ts";

/** The host where the editor runs, and the others. */
async function owner(town: Town): Promise<[holder: string, other: string, third: string]> {
  const holder = (await town.holder(town.names[0] as string)) as string;
  const [other, third] = town.names.filter((name) => name !== holder);
  return [holder, other as string, third as string];
}

async function untilHeldBy(town: Town, asked: string, isOwner: (name: string) => boolean): Promise<void> {
  await town.until("another has it", async () => {
    const now = await town.holder(asked);
    return now !== undefined && isOwner(now) ? [] : [`${asked} knows ${now}`];
  });
}

describeNetsplits("a singleton", () => {
  test("whose node is cut from everything has ended there before it runs elsewhere", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other] = await owner(town);
    await town.network.unplug(holder);
    await untilHeldBy(town, other, (name) => name !== holder);
    expect(await town.holder(holder)).toBeUndefined();
    expect(
      await town
        .at(holder)
        .ask("callEditor")
        .catch((error: Error) => error.message),
    ).toBe("INTERLOCK_SINGLETON");
    await town.afterWrites(5);
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("whose node cannot reach the lease moves to one that can, and nobody is down for it", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other] = await owner(town);
    const fromMs = town.now();
    await town.network.cut(holder, "outside", "drop", 7_001);
    await untilHeldBy(town, other, (name) => name !== holder);
    await town.afterWrites(5);
    await town.network.heal();
    await town.isWhole();
    expect(town.names.flatMap((seen) => town.names.flatMap((of) => town.changes(seen, of, fromMs)))).toEqual([]);
    await town.expectOneOwner();
  });

  test("stays where it is when its node loses the other members and keeps the lease; they cannot call it", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other, third] = await owner(town);
    await town.network.cut(holder, other);
    await town.network.cut(holder, third);
    await town.until("they have lost it", async () => ((await town.states(other)).includes("down") ? [] : ["no"]));
    await town.afterWrites(80); // Longer than the lease lasts.
    expect(await town.holder(other)).toBe(holder);
    expect(
      await town
        .at(other)
        .ask("callEditor")
        .catch((error: Error) => error.message),
    ).toBe("INTERLOCK_NOCONNECTION");
    expect(await town.at(holder).ask("callEditor")).toContain(holder);
    await town.network.heal();
    await town.isWhole();
    await town.expectOneOwner();
  });

  test("whose node is frozen past the lease runs elsewhere, ends as soon as it is thawed, and wrote nothing in between", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other, third] = await owner(town);
    town.at(holder).freeze();
    await untilHeldBy(town, other, (name) => name !== holder);
    await town.isWhole([other, third]);
    await town.afterWrites(5);
    town.at(holder).thaw();
    await town.isWhole();
    expect(town.at(holder).told("ended")).toHaveLength(1);
    await town.expectFenced();
  });

  test("whose node leaves its network is given up before that, and runs elsewhere", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other, third] = await owner(town);
    await town.at(holder).ask("stopNode");
    // At once: by the lease's time it would be the old one's for a while.
    const lease = await town.outside.ask<{ holder?: string }>("lease", "editor");
    expect(lease.holder ?? "nobody").not.toContain(`${holder}@`);
    await town.isWhole([other, third]);
    await town.expectOneOwner();
  });

  test("whose node is killed runs elsewhere when the lease is over, and the node's next life joins", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other, third] = await owner(town);
    await town.kill(holder);
    await town.isWhole([other, third]);
    await town.start(holder);
    await town.isWhole();
    await town.expectOneOwner();
  });
});

describeNetsplits("the detector of these tests", () => {
  test("sees a writer that writes on after its term, which a resource without a fence would have taken", async () => {
    await using town = await Town.whole(["a", "b", "c"]);
    const [holder, other] = await owner(town);
    await town.at(holder).ask("haunt");
    await town.network.cut(holder, "outside", "drop", 7_001);
    await untilHeldBy(town, other, (name) => name !== holder);
    await town.until("the ghost is refused", async () => ((await town.writes()).refused.length > 0 ? [] : ["not yet"]));
    const { accepted, asked } = await town.writes();
    expect(ownedTwice(accepted)).toEqual([]);
    expect(ownedTwice(asked).map(({ by }) => by)).toContain(town.nodeOf(holder));
  });
});
