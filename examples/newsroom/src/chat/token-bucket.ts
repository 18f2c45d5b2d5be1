/**
 * How fast one visitor may speak: a token bucket as a value. The clock is an argument, so a test needs none, and the
 * process that owns a bucket keeps it in its state like anything else.
 */
export interface TokenBucket {
  readonly tokens: number;
  readonly updatedAtMs: number;
}

export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a silence. */
  readonly burst: number;
}

export function fullBucket(rate: Rate, nowMs: number): TokenBucket {
  return { tokens: rate.burst, updatedAtMs: nowMs };
}

/** One token out of the bucket, or a refusal. Time that seems to run backwards refills nothing. */
export function take(
  bucket: TokenBucket,
  rate: Rate,
  nowMs: number,
): { readonly allowed: boolean; readonly bucket: TokenBucket } {
  const elapsedMs = Math.max(0, nowMs - bucket.updatedAtMs);
  const tokens = Math.min(rate.burst, bucket.tokens + (elapsedMs / 1_000) * rate.perSecond);
  const allowed = tokens >= 1;
  return {
    allowed,
    bucket: { tokens: allowed ? tokens - 1 : tokens, updatedAtMs: Math.max(bucket.updatedAtMs, nowMs) },
  };
}
