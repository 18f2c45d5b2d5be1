import { expectTypeOf, test } from "vitest";
import { type Agent, type AgentRef, agent } from "./agent.ts";

test("the state is what init gives, and functions are held to it", () => {
  const Visits = agent((start: number) => ({ count: start }), { name: "visits" });
  expectTypeOf(Visits).toEqualTypeOf<Agent<[start: number], { count: number }>>();
  expectTypeOf(agent(async () => 1)).toEqualTypeOf<Agent<[], number>>();
  const use = async (visits: AgentRef<{ count: number }>): Promise<void> => {
    expectTypeOf(await visits.get((state) => state.count)).toEqualTypeOf<number>();
    expectTypeOf(await visits.get(async (state) => String(state.count))).toEqualTypeOf<string>();
    expectTypeOf(await visits.getAndUpdate((state) => ["was", { count: state.count + 1 }])).toEqualTypeOf<string>();
    // @ts-expect-error the state is an object
    await visits.update((state) => state.count + 1);
    // @ts-expect-error no pair
    await visits.getAndUpdate((state) => state);
    // @ts-expect-error start is a number
    await Visits.start("1");
  };
  expectTypeOf(use).toBeFunction();
});
