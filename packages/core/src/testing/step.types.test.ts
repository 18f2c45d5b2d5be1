import { expectTypeOf, test } from "vitest";
import {
  type ExitReason,
  genServer,
  later,
  type NoReplyStep,
  noreply,
  type ReplyStep,
  reply,
  step,
  stop,
} from "../index.ts";

interface Account {
  readonly balance: number;
}

const Bank = genServer({
  name: "bank",
  init: (balance: number): Account => ({ balance }),
  calls: {
    deposit: ({ state }, amount: number) => reply(state.balance + amount, { balance: state.balance + amount }),
    fetch: async (_ctx, of: string) => reply(`fetched ${of}`),
    wait: (ctx) => later(ctx.from<boolean>()),
    close: ({ state }) => (state.balance === 0 ? stop("normal", { value: "closed" as const }) : reply(false)),
  },
  casts: { reset: () => noreply({ balance: 0 }) },
});

// Types only: nothing here runs.
const types = (): void => {
  const steps = step(Bank, { balance: 1 });
  expectTypeOf(steps.call.deposit(5)).toEqualTypeOf<ReplyStep<number, Account>>();
  expectTypeOf(steps.call.deposit(5).reply).toEqualTypeOf<number>();
  expectTypeOf(steps.call.fetch("x")).toEqualTypeOf<Promise<ReplyStep<string, Account>>>();
  expectTypeOf(steps.call.wait().kind).toEqualTypeOf<"later">();
  expectTypeOf(steps.cast.reset()).toEqualTypeOf<NoReplyStep<Account>>();
  const closed = steps.call.close();
  if (closed.kind === "stop") {
    expectTypeOf(closed.reply).toEqualTypeOf<"closed">();
    expectTypeOf(closed.reason).toEqualTypeOf<ExitReason>();
  } else expectTypeOf(closed.reply).toEqualTypeOf<boolean>();
  // @ts-expect-error there is no such call
  steps.call.withdraw(5);
  // @ts-expect-error nor such a cast
  steps.cast.deposit(5);
  // @ts-expect-error an amount is a number
  steps.call.deposit("5");
  // @ts-expect-error the state is the server's
  step(Bank, { balances: 1 });
};

test("the types of step", () => {
  expectTypeOf(types).toBeFunction();
});
