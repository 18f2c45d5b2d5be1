import { expect, test, vi } from "vitest";
import { type PlacedProcessesOptions, startProcesses } from "./placed-processes.ts";

test("of a hand-over that is given up, or over, nothing is kept", () => {
  const cancel = vi.fn<() => void>();
  const processes = startProcesses({
    plan: { takeMs: 5_000 },
    process: { node: { after: () => ({ cancel }) } },
    state: { entry: () => undefined },
    tally: { settled: () => undefined },
  } as never as PlacedProcessesOptions);
  processes.act({ type: "limit", key: "given up", attempt: 1 });
  processes.act({ type: "unpack", key: "given up" });
  processes.act({ type: "limit", key: "over", attempt: 1 });
  processes.act({ type: "settled", key: "over", lost: true, to: undefined, parcel: undefined });
  expect(cancel).toHaveBeenCalledTimes(2);
  // It cancels what it still has.
  processes.end();
  expect(cancel).toHaveBeenCalledTimes(2);
});
