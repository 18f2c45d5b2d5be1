/** How ours are measured: in fresh processes, with everything on as shipped. */

import { defaultNode, monitor, type Self, spawn } from "@interlock/core";
import { emitRate, repetitions, seconds } from "../figure.ts";

let reports = 0;
// Reports are built, and counted instead of printed.
// As the Erlang side with its logger as shipped: crash reports are built, progress reports are not.
defaultNode().progress = false;
defaultNode().onReport = () => {
  reports++;
};

export function reportsSoFar(): number {
  return reports;
}

/** `bb:isolated`: runs `body` in a fresh process and gives its result. */
export function isolated<M, T = void>(body: (self: Self<M>) => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const pid = spawn<M>(async function measured(self) {
    resolve(await body(self));
  });
  void monitor(pid).then((down) => {
    if (down.reason !== "normal") reject(new Error("the measured process ended early", { cause: down.reason }));
  });
  return promise;
}

/** `rate` of `bb_local`: the median of several repetitions, each in a fresh process. */
export async function rate<M>(
  name: string,
  count: number,
  body: (self: Self<M>) => Promise<void>,
  repeat: number = repetitions,
): Promise<void> {
  const times: number[] = [];
  for (let repetition = 0; repetition < repeat; repetition++) {
    times.push(await isolated<M, number>((self) => seconds(() => body(self))));
  }
  emitRate(name, count, times);
}
