/** The types of gen_statem, as `tsc` sees them: what infers, and what is refused. */
import { expectTypeOf, test } from "vitest";
import { local } from "../naming/name.ts";
import type { Pid } from "../process/pid.ts";
import type { ChildSpec } from "./child-spec.ts";
import { genStatem, type StatemRef, type StatemTypes } from "./gen-statem.ts";
import type { From } from "./reply.ts";

interface Door extends StatemTypes {
  state: "locked" | "open";
  data: { readonly code: string; readonly tries: number };
  calls: { unlock(code: string): boolean; tries(): number };
  casts: { slam(): void };
}

const door = genStatem<Door>()({
  name: "door",
  init: (code: string) => ({ state: "locked", data: { code, tries: 0 } }),
  states: {
    locked: {
      calls: {
        unlock: (ctx, code) =>
          code === ctx.data.code
            ? ctx.next("open", { ...ctx.data, tries: 0 }, { reply: true, stateTimeoutMs: 10_000 })
            : ctx.keep({ ...ctx.data, tries: ctx.data.tries + 1 }, { reply: false }),
      },
    },
    open: {
      stateTimeout: (ctx) => ctx.next("locked"),
      casts: { slam: (ctx) => ctx.next("locked") },
      calls: { tries: (ctx) => ctx.keep(ctx.data, { reply: ctx.data.tries }) },
    },
  },
});

interface Fetcher extends StatemTypes {
  state: "idle" | "busy";
  data: { readonly waiting: readonly From<string>[] };
  calls: { page(url: string): string; size(): number };
  casts: { stop(): void };
  internal: { begin(url: string, attempt: number): void };
  timeouts: { retry: number; poll: undefined };
  info: { readonly type: "page"; readonly text: string };
}

// Never run: only the compiler reads these.
export const checked = {
  async door(): Promise<void> {
    const ref = await door.startLink("1234");
    expectTypeOf(ref).toEqualTypeOf<StatemRef<Door>>();
    const opened = await ref.call.unlock("1234");
    expectTypeOf(opened).toEqualTypeOf<boolean>();
    expectTypeOf(await ref.with({ timeoutMs: 1 }).call.tries()).toEqualTypeOf<number>();
    expectTypeOf(ref.cast.slam()).toEqualTypeOf<void>();
    expectTypeOf(door.child(["1234"], { restart: "transient" })).toEqualTypeOf<ChildSpec>();
    expectTypeOf(ref.pid).toEqualTypeOf<Pid>();
    // @ts-expect-error a code is a string
    void ref.call.unlock(1234);
    // @ts-expect-error init wants a code
    void door.startLink();
    // @ts-expect-error no such cast
    ref.cast.unlock("1234");
  },

  refused(): void {
    genStatem<Door>()({
      name: "bad-door",
      init: () => ({ state: "locked", data: { code: "", tries: 0 } }),
      states: {
        // @ts-expect-error "ajar" is no state of this machine
        locked: { casts: { slam: (ctx) => ctx.next("ajar") } },
        open: {},
      },
    });
    genStatem<Door>()({
      name: "bad-door",
      init: () => ({ state: "locked", data: { code: "", tries: 0 } }),
      states: {
        // @ts-expect-error unlock answers a boolean
        locked: { calls: { unlock: (ctx) => ctx.keep(ctx.data, { reply: "yes" }) } },
        // @ts-expect-error a cast has no reply
        open: { casts: { slam: (ctx) => ctx.keep(ctx.data, { reply: true }) } },
      },
    });
    genStatem<Door>()({
      name: "bad-door",
      // @ts-expect-error "ajar" is no state to begin with
      init: () => ({ state: "ajar", data: { code: "", tries: 0 } }),
      states: { locked: {}, open: {} },
    });
    genStatem<Door>()({
      name: "bad-door",
      init: () => ({ state: "locked", data: { code: "", tries: 0 } }),
      // @ts-expect-error every state is there
      states: { locked: {} },
    });
    genStatem<Door>()({
      name: "bad-door",
      init: () => ({ state: "locked", data: { code: "", tries: 0 } }),
      states: {
        // @ts-expect-error data has a code
        locked: { casts: { slam: (ctx) => ctx.keep({ tries: 1 }) } },
        // @ts-expect-error this machine declares no timeouts
        open: { stateTimeout: (ctx) => ctx.keep(ctx.data, { timeouts: { retry: 1 } }) },
      },
    });
  },

  fetcher(): void {
    const fetcher = genStatem<Fetcher>()({
      name: "fetcher",
      init: async () => ({ state: "idle", data: { waiting: [] }, options: { timeouts: { poll: 1_000 } } }),
      unhandled: "postpone",
      timeouts: { poll: (ctx) => ctx.keep(undefined, { timeouts: { poll: 1_000 } }) },
      states: {
        idle: {
          calls: {
            page: async (ctx, url) => {
              expectTypeOf(url).toEqualTypeOf<string>();
              const waiting = [ctx.from<string>()];
              return ctx.next("busy", { waiting }, { nextEvents: [{ internal: ["begin", url, 1] }], postpone: false });
            },
            size: (ctx) => ctx.keep(undefined, { reply: 0 }),
          },
        },
        busy: {
          enter: (ctx, from) => {
            expectTypeOf(from).toEqualTypeOf<"idle" | "busy" | undefined>();
            return ctx.keep(ctx.data, { stateTimeoutMs: 5_000 });
          },
          internal: {
            begin: (ctx, url, attempt) => {
              expectTypeOf(url).toEqualTypeOf<string>();
              expectTypeOf(attempt).toEqualTypeOf<number>();
              return ctx.keep(undefined, { timeouts: { retry: { ms: 100, content: attempt } } });
            },
          },
          timeouts: {
            retry: (ctx, attempt) => {
              expectTypeOf(attempt).toEqualTypeOf<number>();
              return ctx.keep(undefined, { updates: { retry: attempt + 1 } });
            },
          },
          info: (ctx, message) =>
            message.type === "page"
              ? ctx.next(
                  "idle",
                  { waiting: [] },
                  { replies: ctx.data.waiting.map((to) => [to, message.text] as const) },
                )
              : ctx.stop(),
          casts: {
            stop: (ctx) => {
              const [to] = ctx.data.waiting;
              return ctx.stop("shutdown", { replies: to === undefined ? [] : [[to, ""]] });
            },
          },
          stateTimeout: (ctx) => ctx.repeat(),
        },
      },
    });
    expectTypeOf(fetcher.at(local("fetcher")).pid).toEqualTypeOf<Pid<Fetcher["info"]>>();

    genStatem<Fetcher>()({
      name: "bad-fetcher",
      init: () => ({ state: "idle", data: { waiting: [] } }),
      states: {
        idle: {
          // @ts-expect-error the attempt is missing
          calls: { page: (ctx, url) => ctx.keep(undefined, { nextEvents: [{ internal: ["begin", url] }] }) },
          // @ts-expect-error retry brings a number
          casts: { stop: (ctx) => ctx.keep(undefined, { timeouts: { retry: 100 } }) },
        },
        busy: {
          // @ts-expect-error those who wait want a string
          casts: { stop: (ctx) => ctx.keep(undefined, { replies: ctx.data.waiting.map((to) => [to, 1] as const) }) },
        },
      },
    });
  },
};

test("the types of gen_statem hold: tsc reads this file", () => {
  expectTypeOf<Parameters<(typeof door)["startLink"]>>().toEqualTypeOf<[code: string]>();
});
