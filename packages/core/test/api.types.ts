/**
 * The contract of public names: user code as it is written, what is inferred from it, and what must be refused. Only the
 * compiler runs this file (`npm run check`); nothing in it is executed.
 */
import {
  anyOf,
  application,
  type Down,
  dynamicSupervisor,
  type Exit,
  type ExitReason,
  genServer,
  genStatem,
  isError,
  later,
  local,
  noreply,
  type Pid,
  type RefOf,
  refTo,
  registry,
  remote,
  reply,
  type StandardSchema,
  type StatemTypes,
  type StateOf,
  send,
  spawn,
  stop,
  supervisor,
  taskStream,
} from "../src/index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<_ extends true>(): void {}

// 2.1 a gen_server ------------------------------------------------------------

interface Account {
  readonly balance: number;
  readonly holds: ReadonlyMap<string, number>;
}

export const Bank = genServer({
  name: "bank",
  version: "2",

  init: (opening: number): Account => ({ balance: opening, holds: new Map() }),

  calls: {
    /** The balance, in cents. */
    balance: ({ state }) => reply(state.balance),

    /** Adds `amount` cents and answers the new balance. */
    deposit({ state }, amount: number) {
      const balance = state.balance + amount;
      return reply(balance, { ...state, balance });
    },

    /** Answers once the auditor has agreed, so the reply is given later. */
    audit(ctx, reason: string) {
      const from = ctx.from<"passed" | "failed">();
      ctx.self.task(async (signal) => ctx.reply(from, await askAuditor(reason, signal)));
      return later<"passed" | "failed">();
    },

    async rate({ signal }, currency: "EUR" | "USD") {
      const rate = await fetchRate(currency, signal);
      return reply(rate);
    },

    withdraw({ state }, amount: number) {
      if (amount > state.balance) return reply({ ok: false, missing: amount - state.balance } as const);
      return reply({ ok: true } as const, { ...state, balance: state.balance - amount });
    },
  },

  casts: {
    hold: ({ state }, id: string, amount: number) => noreply({ ...state, holds: new Map(state.holds).set(id, amount) }),
    close: () => stop("normal"),
  },

  info({ state }, message) {
    if (message.type === "DOWN") return stop({ shutdown: message.reason });
    return noreply(state);
  },

  terminate({ state }, reason) {
    console.log("bank closed", state.balance, reason);
  },

  codeChange: (oldVersion, oldState) =>
    oldVersion === "1" ? { balance: oldState as number, holds: new Map() } : (oldState as Account),
});

declare function askAuditor(reason: string, signal: AbortSignal): Promise<"passed" | "failed">;
declare function fetchRate(currency: string, signal: AbortSignal): Promise<number>;

async function client(): Promise<void> {
  const bank = await Bank.startLink(10_000);
  const balance = await bank.call.deposit(50);
  const rate = await bank.call.rate("EUR");
  const audit = await bank.with({ timeoutMs: 30_000 }).call.audit("yearly");
  const paid = await bank.call.withdraw(1);
  bank.cast.hold("order-7", 20);
  bank.cast.close();

  expectType<Equal<typeof balance, number>>();
  expectType<Equal<typeof rate, number>>();
  expectType<Equal<typeof audit, "passed" | "failed">>();
  expectType<Equal<typeof paid, { readonly ok: false; readonly missing: number } | { readonly ok: true }>>();
  expectType<Equal<StateOf<typeof Bank>, Account>>();

  // @ts-expect-error no such call
  void bank.call.rob();
  // @ts-expect-error an amount is a number
  void bank.call.deposit("50");
  // @ts-expect-error a cast is not a call
  void bank.call.close();
  // @ts-expect-error the currency is a union of literals
  void bank.call.rate("CHF");
  // @ts-expect-error init wants a number
  void Bank.startLink("much");

  // the same server somewhere else, by name, with the implementation imported as a type only
  const far = refTo<typeof Bank>(remote("bank", "bank@10.0.0.2"));
  expectType<Equal<Awaited<ReturnType<typeof far.call.deposit>>, number>>();
}

genServer({
  name: "bad",
  init: () => ({ n: 0 }),
  calls: {
    // @ts-expect-error the next state must be of the state's type
    bump: ({ state }) => reply(1, { n: String(state.n) }),
  },
});

// 2.2 a plain process with a typed, selective receive ---------------------------------

type PingPong = { type: "ping"; from: Pid<PingPong> } | { type: "pong"; count: number };

const ponger = spawn<PingPong>(async (self) => {
  for (let count = 1; ; count++) {
    const ping = await self.receive({ type: "ping" });
    expectType<Equal<typeof ping, Extract<PingPong, { type: "ping" }>>>();
    send(ping.from, { type: "pong", count });
  }
});

const pinger = spawn<PingPong>(async (self) => {
  const monitor = self.monitor(ponger);
  send(ponger, { type: "ping", from: self.pid });

  const pong = await self.receive({ type: "pong" }, { timeoutMs: 1_000 });
  expectType<Equal<typeof pong, { type: "pong"; count: number } | undefined>>();

  const down = await self.receive(monitor.down);
  expectType<Equal<typeof down, Down>>();

  const exits = self.trapExit();
  const either = await self.receive(anyOf(monitor.down, exits));
  expectType<Equal<typeof either, Down | Exit>>();
  if (either.type === "EXIT") self.exit(either.reason);
});

// @ts-expect-error not a message of this process
send(pinger, { type: "pung" });
// a Pid of more accepts less …
const onlyPing: Pid<Extract<PingPong, { type: "ping" }>> = ponger;
// @ts-expect-error … and not the other way round
const all: Pid<PingPong> = onlyPing;
void all;

// 2.3 gen_statem ---------------------------------------------------------------

interface Door extends StatemTypes {
  state: "locked" | "open";
  data: { readonly code: string; readonly tries: number };
  calls: { unlock(code: string): boolean; tries(): number };
  casts: { slam(): void };
}

export const door = genStatem<Door>()({
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

async function useDoor(): Promise<void> {
  const ref = await door.startLink("1234");
  const opened = await ref.call.unlock("1234");
  expectType<Equal<typeof opened, boolean>>();
  ref.cast.slam();
  // @ts-expect-error a code is a string
  void ref.call.unlock(1234);
}

genStatem<Door>()({
  name: "bad-door",
  init: () => ({ state: "locked", data: { code: "", tries: 0 } }),
  states: {
    // @ts-expect-error "ajar" is no state of this machine
    locked: { casts: { slam: (ctx) => ctx.next("ajar") } },
    open: {},
  },
});

// 2.4 supervisors, registry, application --------------------------------------------

interface BankConfig {
  readonly openingCents: number;
}
declare const bankConfig: StandardSchema<BankConfig>;

const Rooms = registry<`room:${number}`, { topic: string }>({ name: "rooms", keys: "unique" });

interface RoomEvent {
  readonly type: "said";
  readonly text: string;
}
const Room = genServer({
  name: "room",
  init: (id: `room:${number}`, topic: string) => ({ id, topic, said: 0 }),
  calls: { say: ({ state }, text: string) => reply(text.length, { ...state, said: state.said + 1 }) },
});
const roomSup = dynamicSupervisor(Room, { maxChildren: 10_000, restart: "transient" });

const bankSup = supervisor({
  name: "bank_sup",
  strategy: "rest_for_one",
  intensity: 3,
  periodMs: 5_000,
  children: (config: BankConfig) => [
    Rooms.child(),
    Bank.child([config.openingCents], { name: local("bank"), shutdownMs: 5_000 }),
    roomSup.child([]),
    door.child(["1234"], { restart: "transient" }),
  ],
});

export default application({
  name: "bank",
  version: "1.4.0",
  config: bankConfig,
  start: ({ config }) => bankSup.startLink(config),
});

async function rooms(): Promise<void> {
  await Room.named(Rooms.via("room:42")).startLink("room:42", "news");
  const room = Room.at(Rooms.via("room:42"));
  const length = await room.call.say("hello");
  expectType<Equal<typeof length, number>>();

  const other = await roomSup.startChild("room:43", "sport");
  await other.call.say("hi");
  // @ts-expect-error a room's id is room:<number>
  await roomSup.startChild("hall", "sport");
  // @ts-expect-error wrong key
  Rooms.via("hall");
}

// 2.5 tasks, groups, pubsub, nodes --------------------------------------------------

spawn<RoomEvent>(async (self) => {
  const page = self.task((signal) => fetch("https://example.test/", { signal }));
  const response = await page;
  expectType<Equal<typeof response, Response>>();
});

// 2.6 presence, remote functions, task streams, errors, testing ------------------------

async function more(): Promise<void> {
  for await (const result of taskStream([1, 2, 3], async (n) => n * 2, { concurrency: 8, timeoutMs: 1_000 })) {
    if (result.ok) expectType<Equal<typeof result.value, number>>();
    else expectType<Equal<typeof result.reason, ExitReason>>();
  }

  try {
    await refTo<typeof Bank>(local("bank")).call.balance();
  } catch (error) {
    if (isError(error, "INTERLOCK_CALL_TIMEOUT")) expectType<Equal<typeof error.details.timeoutMs, number>>();
    else throw error;
  }
}

// Continues are named and typed like casts ---------------------------------------------

const Cache = genServer({
  name: "cache",
  init: (): { readonly warm: boolean } => ({ warm: false }),
  continues: {
    warmUp: ({ state }, rows: number) => noreply({ ...state, warm: rows > 0 }),
  },
  calls: {
    reset: ({ state }) => reply("done", state, { continueWith: ["warmUp", 5] }),
  },
});
genServer({
  name: "bad-cache",
  init: (): { readonly warm: boolean } => ({ warm: false }),
  continues: { warmUp: ({ state }, rows: number) => noreply({ ...state, warm: rows > 0 }) },
  calls: {
    // @ts-expect-error there is no such continuation
    lose: ({ state }) => reply("done", state, { continueWith: ["coolDown"] }),
    // @ts-expect-error rows is a number
    confuse: ({ state }) => reply("done", state, { continueWith: ["warmUp", "many"] }),
  },
});

interface BankProtocol {
  readonly calls: { balance(): number; deposit(amount: number): number };
}
const Other = genServer.implementing<BankProtocol>()({
  name: "other",
  init: (): { readonly n: number } => ({ n: 0 }),
  calls: {
    balance: ({ state }) => reply(state.n),
    deposit: ({ state }, amount) => reply(state.n + amount, { n: state.n + amount }),
  },
});
async function useOther(): Promise<void> {
  const other = await Other.start();
  expectType<Equal<Awaited<ReturnType<typeof other.call.deposit>>, number>>();
  // @ts-expect-error an amount is a number
  void other.call.deposit("5");
  const cache: RefOf<typeof Cache> = await Cache.start();
  expectType<Equal<Awaited<ReturnType<typeof cache.call.reset>>, string>>();
}

export const unused = [client, useDoor, rooms, more, useOther];
