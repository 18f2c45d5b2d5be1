import { expectTypeOf, test } from "vitest";
import { type EventManager, eventHandler, genEvent, removeHandler } from "./gen-event.ts";
import { noreply, reply } from "./reply.ts";

type Alarm = { readonly type: "disk_full"; readonly disk: string } | { readonly type: "hot"; readonly degrees: number };
declare const alarms: EventManager<Alarm>;

test("a handler's arguments, requests and results are typed, its state is its own", () => {
  const use = async (): Promise<void> => {
    const last = eventHandler({
      name: "last",
      init: (most: number): { readonly most: number; readonly seen: readonly Alarm[] } => ({ most, seen: [] }),
      event: ({ state }, alarm: Alarm) => noreply({ ...state, seen: [alarm, ...state.seen].slice(0, state.most) }),
      call: ({ state }, _request: "list") => reply(state.seen),
      terminate: ({ state }) => state.seen.length,
    });
    await alarms.addHandler(last, 10);
    expectTypeOf(await alarms.call(last, "list")).toEqualTypeOf<readonly Alarm[]>();
    expectTypeOf(await alarms.deleteHandler(last, "why")).toEqualTypeOf<number>();
    await alarms.swapHandler(last, undefined, last, (ended) => {
      expectTypeOf(ended).toEqualTypeOf<number | undefined>();
      return [ended ?? 1];
    });
    // @ts-expect-error most is a number
    await alarms.addHandler(last, "many");
    // @ts-expect-error most is wanted
    await alarms.addHandler(last);
    // @ts-expect-error no such request
    await alarms.call(last, "count");
    // @ts-expect-error no such alarm
    alarms.notify({ type: "cold" });
    // @ts-expect-error init wants a number
    await alarms.swapHandler(last, undefined, last, () => ["x"]);
  };
  expectTypeOf(use).toBeFunction();
});

test("a handler of more events serves a manager of fewer, and not the other way round", () => {
  const use = async (): Promise<void> => {
    const any = eventHandler({ name: "any", init: () => 0, event: ({ state }, _event: unknown) => noreply(state + 1) });
    const hot = eventHandler({
      name: "hot",
      init: () => 0,
      event: (_ctx, event: Extract<Alarm, { type: "hot" }>) => (event.degrees > 100 ? removeHandler() : noreply()),
    });
    await alarms.addHandler(any);
    // @ts-expect-error it does not know disk_full
    await alarms.addHandler(hot);
    // @ts-expect-error it answers nothing
    await alarms.call(any, "list");
    const wide: EventManager<Extract<Alarm, { type: "hot" }>> = alarms;
    await wide.addHandler(any);
  };
  expectTypeOf(use).toBeFunction();
});

test("the next state must be of the state's type", () => {
  eventHandler({
    name: "bad",
    init: () => ({ n: 0 }),
    // @ts-expect-error n is a number
    event: (_ctx, _event: Alarm) => noreply({ n: "one" }),
  });
  expectTypeOf(genEvent<Alarm>({ name: "alarms" }).startLink()).toEqualTypeOf<Promise<EventManager<Alarm>>>();
});
