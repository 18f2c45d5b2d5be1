/**
 * One deployment of an application at a time, and one rotation of a cluster: a Lease that whoever does it holds and renews. Given back at the end; of one who
 * has died it stands still, and is taken over once it has for as long as it is good.
 */
import { hostname, userInfo } from "node:os";
import { pause } from "@interlock/core/distribution";
import { type KubernetesApi, kubernetesLeases } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { kindsIn } from "../kinds.ts";
import { refusal } from "./apply.ts";

export interface LockOptions {
  /** What is done, by one at a time. Default `deploy`. */
  readonly doing?: Doing;
  /** Its name, or for `rotate` that of the cluster, which several applications share. */
  readonly app: string;
  readonly namespace: string;
  /** Told what is waited for, and what has gone wrong without harm. */
  readonly say: (line: string) => void;
  /** Default: the user, the machine and the process. */
  readonly holder?: string;
  /** Milliseconds without renewal after which others may take it. Default 15 000. */
  readonly durationMs?: number;
  /** Whoever deploys wants no more of it: the wait for the lock ends with the signal's reason, and so does the work. */
  readonly signal?: AbortSignal;
}

const DURATION_MS = 15_000;
/** After so long without a renewal it is lost, before others may take it: client-go's proportion, and the cluster's elector's. */
const deadlineOf = (durationMs: number): number => (durationMs * 2) / 3;
/** How often it is renewed, and looked at twice while another one has it. */
const renewalOf = (durationMs: number): number => deadlineOf(durationMs) / 5;

type Doing = "deploy" | "rotate";

const words: Readonly<Record<Doing, { readonly does: string; readonly done: string }>> = {
  deploy: { does: "deploys", done: "deployed" },
  rotate: { does: "rotates", done: "rotated" },
};

const lockName = ({ app, doing = "deploy" }: LockOptions): string => `interlock-${doing}-${app}`;

type Lease = ReturnType<ReturnType<typeof kubernetesLeases>["lease"]>;
type LeaseRecord = NonNullable<Awaited<ReturnType<Lease["read"]>>>;

/**
 * Runs `body` while nobody else does the same to the application or the cluster. Its signal is aborted when the lock is lost, and when that of the
 * options is; after that it is not begun.
 *
 * **Errors** `INTERLOCK_DEPLOY_LOCKED` with who holds it and since when; `INTERLOCK_NO_SUCH_NAMESPACE`,
 * `INTERLOCK_DEPLOY_FORBIDDEN`. Of the signal, when the lock is lost: `INTERLOCK_DEPLOY_LOCKED` or, without an answer of the API
 * server, `INTERLOCK_DEPLOY_LOCK_LOST`.
 */
export async function whileLocked<T>(
  api: KubernetesApi,
  options: LockOptions,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { app, durationMs = DURATION_MS, holder = whoAsks(), namespace, say, signal } = options;
  const lease = kubernetesLeases({ api, namespace }).lease(lockName(options));
  const what = `Lease ${lockName(options)}`;
  const refused = (error: unknown): never => {
    throw refusal(error, what, namespace);
  };
  const free = await untilFree(api, lease, options, durationMs).catch(refused);
  signal?.throwIfAborted();
  const askedMs = api.runtime.clock.now();
  const { granted, record } = await lease.acquire({ holder, durationMs }, free).catch(refused);
  if (!granted || record === undefined) throw await locked(api, options, record?.holder);
  const lost = new AbortController();
  const held = keep(api, lease, { record, askedMs }, options, (why) => lost.abort(why));
  try {
    signal?.throwIfAborted();
    return await body(signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]));
  } finally {
    const last = await held.end();
    await lease.release(last).catch((error: unknown) => {
      say(
        `the lock of ${app} could not be given back, and is good for ${durationMs / 1_000} s more: ${(error as Error).message}`,
      );
    });
  }
}

/** Rejects when whoever holds it lives: it is renewed. Resolves with what is to be replaced. */
async function untilFree(
  api: KubernetesApi,
  lease: Lease,
  options: LockOptions,
  durationMs: number,
): Promise<LeaseRecord | undefined> {
  const { clock, timers } = api.runtime;
  const first = await lease.read();
  if (first?.holder === undefined) return first;
  const { app, doing = "deploy" } = options;
  options.say(`${first.holder} ${words[doing].does} ${app}, or has died doing it: looking whether it goes on`);
  const seenMs = clock.now();
  while (clock.now() - seenMs < first.durationMs) {
    await pause(timers, renewalOf(durationMs) / 2, options.signal);
    const now = await lease.read();
    if (now?.holder === undefined) return now;
    if (now.version !== first.version) throw await locked(api, options, now.holder);
  }
  return first;
}

/** Renews it until it is told to end, or it is lost. */
function keep(
  api: KubernetesApi,
  lease: Lease,
  first: { readonly record: LeaseRecord; readonly askedMs: number },
  options: LockOptions,
  lost: (why: CliError) => void,
) {
  const { clock, timers } = api.runtime;
  const { app, doing = "deploy", durationMs = DURATION_MS, namespace } = options;
  const untilMs = (sinceMs: number, forMs: number): number => Math.max(0, sinceMs + forMs - clock.now());
  let { record } = first;
  let next: unknown;
  let deadline: unknown;
  let renewing: Promise<void> = Promise.resolve();
  let isEnded = false;
  const end = (): void => {
    isEnded = true;
    timers.clear(next);
    timers.clear(deadline);
  };
  const lose = (why: CliError): void => {
    if (isEnded) return;
    end();
    lost(why);
  };
  /** From when it was asked for: the others may have seen it at once. A renewal without an answer does not put that off. */
  const heldSince = (askedMs: number): void => {
    timers.clear(deadline);
    const forMs = deadlineOf(durationMs);
    const message = `The lock of ${app} in ${namespace} could not be renewed for ${forMs} ms: others may ${doing} it now`;
    const why = new CliError("INTERLOCK_DEPLOY_LOCK_LOST", message, { app, namespace, forMs });
    deadline = timers.set(() => lose(why), untilMs(askedMs, forMs));
  };
  const renew = async (): Promise<void> => {
    const askedMs = clock.now();
    const answer = await lease.renew(record).catch(() => undefined);
    if (answer?.granted === false) return lose(lockedBy(options, answer.record?.holder));
    // Without an answer it is tried again: others wait for as long as it is good.
    if (answer?.record !== undefined) ({ record } = answer);
    if (isEnded) return;
    if (answer !== undefined) heldSince(askedMs);
    later(askedMs);
  };
  const later = (askedMs: number): void => {
    next = timers.set(
      () => {
        renewing = renew();
      },
      untilMs(askedMs, renewalOf(durationMs)),
    );
  };
  heldSince(first.askedMs);
  later(first.askedMs);
  return {
    end: async (): Promise<LeaseRecord> => {
      end();
      await renewing;
      return record;
    },
  };
}

async function locked(
  api: KubernetesApi,
  options: LockOptions,
  holder: string | undefined,
): Promise<CliError<"INTERLOCK_DEPLOY_LOCKED">> {
  const { leases: of } = kindsIn(options.namespace);
  const object = await api.find(of, lockName(options)).catch(() => undefined);
  const { acquireTime, holderIdentity } = object?.spec ?? {};
  return lockedBy(
    options,
    holder ?? (holderIdentity || undefined),
    acquireTime === undefined ? undefined : String(acquireTime),
  );
}

function lockedBy({ app, doing = "deploy", namespace }: LockOptions, holder = "somebody else", since?: string) {
  const message = `${app} in ${namespace} is being ${words[doing].done} by ${holder}${since === undefined ? "" : `, since ${since}`}`;
  return new CliError("INTERLOCK_DEPLOY_LOCKED", message, { app, namespace, holder, since });
}

function whoAsks(): string {
  let user = "somebody";
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry, as containers have them.
  }
  return `${user}@${hostname()} (process ${process.pid})`;
}
