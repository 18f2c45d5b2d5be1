import { expectTypeOf, test } from "vitest";
import type { Name } from "../naming/name.ts";
import type { RegistryEntry } from "../naming/registry-table.ts";
import { type DuplicateRegistry, type Registry, registry } from "./registry.ts";

interface Topic {
  readonly topic: string;
}
declare const rooms: Registry<`room:${number}`, Topic>;
declare const plain: Registry<string, undefined>;
declare const subscribers: DuplicateRegistry<string, number>;

test("keys and values are typed", () => {
  const use = (): void => {
    expectTypeOf(rooms.via("room:1")).toEqualTypeOf<Name>();
    expectTypeOf(rooms.lookup("room:1")).toEqualTypeOf<readonly RegistryEntry<Topic>[]>();
    rooms.register("room:1", { topic: "a" });
    plain.register("a");
    // @ts-expect-error wrong key
    rooms.via("hall");
    // @ts-expect-error a room has a topic
    rooms.register("room:1");
    // @ts-expect-error wrong value
    rooms.updateValue("room:1", () => 1);
  };
  expectTypeOf(use).toBeFunction();
});

test("duplicate keys are no names", () => {
  const use = (): void => {
    // @ts-expect-error no via
    subscribers.via("a");
    // @ts-expect-error no update
    subscribers.updateValue("a", () => 1);
    expectTypeOf(registry<string>({ name: "a", keys: "duplicate" })).toEqualTypeOf<
      DuplicateRegistry<string, undefined>
    >();
    expectTypeOf(registry<string>({ name: "a", keys: "unique" })).toEqualTypeOf<Registry<string, undefined>>();
  };
  expectTypeOf(use).toBeFunction();
});
