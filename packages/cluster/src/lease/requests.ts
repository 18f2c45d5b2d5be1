/** Carrying out what an elector asks for. */
import type { LocalNode } from "@interlock/core";
import type { LeaseRequest } from "./elector.ts";
import type { Lease, LeaseAnswer } from "./lease.ts";

/**
 * A lease that is granted too late is given back: the others need not wait until one runs out that nobody acts by. It does if
 * that fails.
 *
 * @param claim of an acquisition.
 * @param isWaitedFor whether the answer counts still; asked when it is there.
 */
export async function carryOut(
  lease: Lease,
  request: LeaseRequest,
  claim: { readonly holder: string; readonly durationMs: number },
  isWaitedFor: () => boolean,
): Promise<LeaseAnswer> {
  if (request.type === "renew") return lease.renew(request.held);
  if (request.type === "read") return { granted: false, record: await lease.read() };
  const answer = await lease.acquire(claim, request.over);
  if (answer.granted && answer.record !== undefined && !isWaitedFor())
    lease.release(answer.record).catch(() => undefined);
  return answer;
}

/** Resolves when `released` has, or after that time: nobody is harmed when it takes too long, the lease runs out. */
export async function releasedWithin(node: LocalNode, released: Promise<unknown>, withinMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const limit = node.after(withinMs, resolve);
  await Promise.race([released, late]);
  limit.cancel();
}
