import { describe, expect, test } from "vitest";
import type { LoadLog, RequestRecord } from "../../examples/newsroom-visitors/src/traffic/log.ts";
import { measure } from "./measure.ts";

const sent = (at: number, error?: string): RequestRecord => ({ kind: "post", at, tookMs: 1, error });
const quiet: LoadLog = { startedAt: 0, tookMs: 30_000, requests: [], spoken: [], users: [], newcomers: [], ticker: [] };
const user = (gaps: LoadLog["users"][number]["gaps"], heard: Record<string, readonly number[]> = {}) => ({
  gaps,
  heard,
});

describe("requests", () => {
  test("that are not answered count against the availability, each by its error", () => {
    const requests = [sent(0), sent(10, "ECONNREFUSED"), sent(20, "HTTP 500"), sent(30)];
    expect(measure({ ...quiet, requests })).toMatchObject({
      requests: 4,
      lost: 2,
      availability: 0.5,
      errors: { "post: ECONNREFUSED": 1, "post: HTTP 500": 1 },
    });
  });

  test("are counted by the second that they were sent in", () => {
    const requests = [sent(999), sent(1_000, "timeout"), sent(1_999)];
    expect(measure({ ...quiet, tookMs: 2_000, requests }).series).toEqual([
      { sent: 1, lost: 0 },
      { sent: 2, lost: 1 },
    ]);
  });
});

describe("the time to heal", () => {
  test("is nothing where nothing was wrong", () => {
    expect(measure({ ...quiet, requests: [sent(5)] }).healMs).toBe(0);
  });

  test("goes from the first lost request to the last moment at which a user was out", () => {
    const requests = [sent(5_000, "timeout"), sent(5_500)];
    expect(measure({ ...quiet, requests, users: [user([{ from: 5_200, to: 9_000 }])] }).healMs).toBe(4_000);
  });

  test("does not count a user who was back within a second", () => {
    expect(measure({ ...quiet, users: [user([{ from: 5_000, to: 5_900 }])] }).healMs).toBe(0);
  });

  test("has no end when something is still wrong at the end", () => {
    expect(measure({ ...quiet, requests: [sent(5_000, "timeout"), sent(28_000, "timeout")] }).healMs).toBeUndefined();
    expect(measure({ ...quiet, users: [user([{ from: 5_000 }])] })).toMatchObject({ healMs: undefined, usersCut: 1 });
    expect(measure({ ...quiet, users: [user([{ from: 5_000 }])] }).longestGapMs).toBeUndefined();
  });
});

describe("messages", () => {
  test("are lost when one user has not heard them, and doubled when one has heard them under two numbers", () => {
    const spoken = ["all", "some", "twice"].map((id) => ({ id, at: 1, confirmedAt: 2 }));
    const users = [user([], { all: [1], some: [2], twice: [3, 4] }), user([], { all: [1], twice: [3] })];
    expect(measure({ ...quiet, spoken, users })).toMatchObject({ messages: 3, messagesLost: 1, messagesDoubled: 1 });
  });
});

describe("state", () => {
  const spoken = Array.from({ length: 60 }, (_, index) => ({ id: String(index), at: index, confirmedAt: index }));
  const ids = spoken.map(({ id }) => id);

  test("is whole for a newcomer who sees the last that was said", () => {
    expect(measure({ ...quiet, spoken, newcomers: [{ at: 5_000, history: ids.slice(-50) }] }).stateLost).toBe(0);
  });

  test("is lost by as many as the worst served newcomer misses of the last 40", () => {
    const newcomers = [
      { at: 5_000, history: ids },
      { at: 6_000, history: [] },
      { at: 7_000, history: ids.slice(-10) },
    ];
    expect(measure({ ...quiet, spoken, newcomers }).stateLost).toBe(40);
  });

  test("is not asked of who could not enter, which is a disturbance, nor of what was said just now", () => {
    const newcomers = [
      { at: 5_000, history: undefined },
      { at: 59, history: [] },
    ];
    expect(measure({ ...quiet, spoken, newcomers })).toMatchObject({ stateLost: 0, healMs: 0 });
  });
});
