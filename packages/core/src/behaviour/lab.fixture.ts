/** A state machine that does what the events of a test tell it, and writes down what it was given, and where. */
import { type GenStatem, genStatem, type MaybePromise, type StatemModule, type StatemTypes } from "./gen-statem.ts";
import type { StatemContext, Transition } from "./gen-statem-transition.ts";

/** Of an event that gets no reply. */
export type Moved = Transition<Lab["state"], Lab["data"], never>;
type Result<R> = MaybePromise<Transition<Lab["state"], Lab["data"], R>>;
/** What a handler does after it has written the event down. */
export type Then<R = never> = (ctx: StatemContext<Lab>) => Result<R>;

export interface Lab extends StatemTypes {
  state: "a" | "b" | "c";
  data: number;
  calls: { ask(name: string, then?: Then<unknown>): unknown };
  casts: { tell(name: string, then?: Then): void };
  internal: { own(name: string, then?: Then): void };
  timeouts: { one: string; two: string };
  info: { readonly type: "note"; readonly name: string; readonly then?: Then };
}

type Module = StatemModule<Lab, [options?: { readonly [key: string]: unknown }]>;

export interface Laboratory {
  readonly machine: GenStatem<Lab, Parameters<Module["init"]>>;
  /** What was handled: `tell x in a`, oldest first. */
  readonly log: string[];
}

const keep = <R>(ctx: StatemContext<Lab>): Result<R> => ctx.keep();

/** A module of its own for each test; `own` replaces parts of it. */
export function lab(own: Partial<Module> = {}): Laboratory {
  const log: string[] = [];
  const wrote = (ctx: StatemContext<Lab>, what: string): void => void log.push(`${what} in ${ctx.state}`);
  const machine = genStatem<Lab>()({
    name: "lab",
    init: (options?: { readonly [key: string]: unknown }) => ({
      state: "a",
      data: 0,
      ...(options === undefined ? {} : { options }),
    }),
    states: { a: {}, b: {}, c: {} },
    calls: {
      ask(ctx, name, then = keep) {
        wrote(ctx, `ask ${name}`);
        return then(ctx);
      },
    },
    casts: {
      tell(ctx, name, then = keep) {
        wrote(ctx, `tell ${name}`);
        return then(ctx);
      },
    },
    internal: {
      own(ctx, name, then = keep) {
        wrote(ctx, `own ${name}`);
        return then(ctx);
      },
    },
    info(ctx, message) {
      wrote(ctx, `info ${message.type === "note" ? message.name : message.type}`);
      return message.type === "note" ? (message.then ?? keep)(ctx) : ctx.keep();
    },
    timeouts: {
      one(ctx, content) {
        wrote(ctx, `one ${content}`);
        return ctx.keep();
      },
      two(ctx, content) {
        wrote(ctx, `two ${content}`);
        return ctx.keep();
      },
    },
    stateTimeout(ctx) {
      wrote(ctx, "stateTimeout");
      return ctx.keep();
    },
    eventTimeout(ctx) {
      wrote(ctx, "eventTimeout");
      return ctx.keep();
    },
    ...own,
  });
  return { machine, log };
}

/** An `enter` that writes down where it comes from. */
export function entering(log: () => string[]): NonNullable<Module["enter"]> {
  return (ctx, from) => {
    log().push(`enter ${ctx.state} from ${from ?? "nowhere"}`);
    return ctx.keep();
  };
}
