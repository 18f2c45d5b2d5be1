import { expect, test } from "vitest";
import { fullBucket, type Rate, type TokenBucket, take } from "./token-bucket.ts";

const rate: Rate = { perSecond: 20, burst: 40 };

function takeMany(start: TokenBucket, count: number, nowMs: number): { allowed: number; bucket: TokenBucket } {
  let bucket = start;
  let allowed = 0;
  for (let n = 0; n < count; n++) {
    const taken = take(bucket, rate, nowMs);
    bucket = taken.bucket;
    if (taken.allowed) allowed++;
  }
  return { allowed, bucket };
}

test("a burst passes, and what exceeds it is refused", () => {
  expect(takeMany(fullBucket(rate, 0), 10_000, 0).allowed).toBe(40);
});

test("an emptied bucket refills at the rate, never above the burst", () => {
  const { bucket } = takeMany(fullBucket(rate, 0), 40, 0);
  expect(takeMany(bucket, 100, 500).allowed).toBe(10);
  expect(takeMany(bucket, 100, 60_000).allowed).toBe(40);
});

test("10 000 a second for ten seconds get the burst and the rate", () => {
  let bucket = fullBucket(rate, 0);
  let allowed = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    const taken = takeMany(bucket, 10, ms);
    bucket = taken.bucket;
    allowed += taken.allowed;
  }
  expect(allowed).toBeGreaterThanOrEqual(238);
  expect(allowed).toBeLessThanOrEqual(240);
});

test("a clock that steps back refills nothing and breaks nothing", () => {
  const { bucket } = takeMany(fullBucket(rate, 10_000), 40, 10_000);
  expect(take(bucket, rate, 9_000).allowed).toBe(false);
  expect(takeMany(bucket, 100, 10_500).allowed).toBe(10);
});
