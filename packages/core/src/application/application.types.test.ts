import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  type Application,
  application,
  type ConfigTree,
  getEnv,
  type Pid,
  type StandardSchema,
  type supervisor,
} from "../index.ts";

interface BankConfig {
  readonly openingCents: number;
  readonly name?: string;
}
declare const schema: StandardSchema<BankConfig>;
declare const sup: ReturnType<typeof supervisor<[BankConfig]>>;

// Types only: the compiler checks the file, nothing here runs.
const types = (): unknown => {
  const bank = application({
    name: "bank",
    version: "1",
    config: schema,
    start: ({ config, node }) => {
      expectTypeOf(config).toEqualTypeOf<BankConfig>();
      expectTypeOf(node).toEqualTypeOf<`${string}@${string}`>();
      return sup.startLink(config);
    },
    startPhases: { open: ({ config }) => void config.openingCents },
    configChange: (changed, added, removed) => {
      expectTypeOf(changed).toEqualTypeOf<Partial<BankConfig>>();
      expectTypeOf(added).toEqualTypeOf<Partial<BankConfig>>();
      expectTypeOf(removed).toEqualTypeOf<readonly string[]>();
    },
  });
  expectTypeOf(bank).toEqualTypeOf<Application<BankConfig>>();
  expectTypeOf(getEnv(bank, "openingCents")).toEqualTypeOf<number | undefined>();
  expectTypeOf(getEnv("bank", "anything")).toEqualTypeOf<unknown>();
  // @ts-expect-error there is no such setting
  getEnv(bank, "openingEuros");
  expectTypeOf(bank.start().then((running) => running.config.openingCents)).toEqualTypeOf<Promise<number>>();

  const zod = application({
    name: "zod",
    version: "1",
    applications: [bank, "other"],
    config: z.object({ port: z.coerce.number(), level: z.enum(["info", "debug"]).default("info") }),
    start: ({ config }) => {
      expectTypeOf(config).toEqualTypeOf<{ port: number; level: "info" | "debug" }>();
      return { pid: 0 as unknown as Pid };
    },
  });

  const bare = application({
    name: "bare",
    version: "1",
    start: ({ config }) => {
      expectTypeOf(config).toEqualTypeOf<ConfigTree>();
      return { pid: 0 as unknown as Pid };
    },
  });

  application({
    name: "wrong",
    version: "1",
    config: schema,
    // @ts-expect-error start gives what has a pid
    start: () => Promise.resolve("started"),
  });
  application({
    name: "wrong",
    version: "1",
    config: schema,
    // @ts-expect-error the configuration is the schema's
    start: ({ config }) => sup.startLink(config.missing),
  });
  // @ts-expect-error a type of start is one of three
  void bank.start({ type: "forever" });
  return [zod, bare];
};

test("the types of applications", () => {
  expectTypeOf(types).toBeFunction();
});
