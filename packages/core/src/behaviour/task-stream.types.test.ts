import { expectTypeOf, test } from "vitest";
import type { ExitReason } from "../process/exit-reason.ts";
import type { TaskOutcome } from "../process/task.ts";
import { taskStream, type ZippedOutcome } from "./task-stream.ts";

test("results are typed by the function", () => {
  const use = async (): Promise<void> => {
    const stream = taskStream([1, 2, 3], async (n) => n * 2, { concurrency: 8, timeoutMs: 1_000 });
    expectTypeOf(stream).toEqualTypeOf<AsyncIterable<TaskOutcome<number>>>();
    for await (const result of stream) {
      if (result.ok) expectTypeOf(result.value).toEqualTypeOf<number>();
      else expectTypeOf(result.reason).toEqualTypeOf<ExitReason>();
    }
    const zipped = taskStream(["a"], (name, signal) => (signal.aborted ? 0 : name.length), {
      concurrency: 1,
      zipInput: true,
    });
    expectTypeOf(zipped).toEqualTypeOf<AsyncIterable<ZippedOutcome<string, number>>>();
    // @ts-expect-error how many at a time must be said
    taskStream([1], (n) => n, {});
  };
  expectTypeOf(use).toBeFunction();
});
