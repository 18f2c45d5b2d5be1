/** The functions that Erlang finds here as `ts_fixture` and `erlang`. */
import { atom, type ClusterNode, ErlangError, Float, remoteFunctions, tuple } from "@interlock/cluster";
import { local, type Pid, self, send, whereis } from "@interlock/core";

import { delay } from "./delay.ts";
import { nameOf, reasonOf } from "./terms.ts";

type Numeric = number | bigint | Float;

function add(one: Numeric, other: Numeric): Numeric {
  if (one instanceof Float || other instanceof Float) return new Float(numberOf(one) + numberOf(other));
  return BigInt(one) + BigInt(other);
}

function numberOf(numeric: Numeric): number {
  return numeric instanceof Float ? numeric.value : Number(numeric);
}

/** `serverOf`: the server of that name, started if it has ended. */
export function offerFunctions(node: ClusterNode, serverOf: (name: string) => Pid<unknown>): void {
  const here = atom(node.name);
  const hello = (to: unknown): unknown => {
    const message = tuple(atom("hello"), self().pid, here);
    send(to as Pid<unknown>, message);
    return message;
  };
  remoteFunctions({
    name: "ts_fixture",
    terms: "exact",
    functions: {
      add,
      hello,
      hello_exit(to: unknown, reason: unknown): never {
        hello(to);
        return self().exit(reasonOf(reason));
      },
      async sleep(ms: number) {
        await delay(ms);
        return atom("slept");
      },
      boom: (reason: unknown): never => self().exit(reasonOf(reason)),
      raise(reason: unknown): never {
        throw new ErlangError(tuple(reason, [tuple(atom("ts_fixture"), atom("raise"), 1, [])]), "raised");
      },
      toss(value: unknown): never {
        throw value;
      },
      idle: () => new Promise<never>(() => undefined),
      srv: (name: unknown) => serverOf(nameOf(name)),
      whoami: () => self().pid,
    },
  });
  remoteFunctions({
    name: "erlang",
    terms: "exact",
    functions: {
      node: () => here,
      whereis: (name: unknown) => whereis(local(nameOf(name))) ?? atom("undefined"),
    },
  });
}
