import { expectTypeOf, test } from "vitest";
import { type Table, table } from "./table.ts";

type Count = readonly [key: string, n: number];
interface Room {
  readonly id: number;
  readonly topic: string;
  readonly visits: number;
}

declare const counts: Table<string, Count>;
declare const rooms: Table<number, Room>;

test("what stands under a key is typed by the kind", () => {
  const use = (): void => {
    const set = table<string, Count>({ kind: "set" });
    expectTypeOf(set.lookup("a")).toEqualTypeOf<Count | undefined>();
    const bag = table<string, Count>({ kind: "bag" });
    expectTypeOf(bag.lookup("a")).toEqualTypeOf<readonly Count[]>();
    expectTypeOf(set.first()).toEqualTypeOf<string | undefined>();
    // @ts-expect-error a room is no array that begins with its key
    table<number, Room>({ kind: "set" });
    table<number, Room>({ keyOf: (room) => room.id });
    // @ts-expect-error keyOf gives a number
    table<number, Room>({ keyOf: (room) => room.topic });
  };
  expectTypeOf(use).toBeFunction();
});

test("counting is typed by the row", () => {
  const use = (): void => {
    expectTypeOf(counts.updateCounter("a", 1, ["a", 0])).toEqualTypeOf<number>();
    expectTypeOf(rooms.updateCounter(1, [{ position: "visits", increment: 1 }])).toEqualTypeOf<readonly number[]>();
    // @ts-expect-error a topic is no number
    rooms.updateCounter(1, { position: "topic", increment: 1 });
    // @ts-expect-error which number of a room?
    rooms.updateCounter(1, 1);
    // @ts-expect-error wrong row
    counts.insert(["a", "b"]);
  };
  expectTypeOf(use).toBeFunction();
});
