/**
 * One deployment of an application at a time: a Lease that whoever deploys holds and renews. Given back at the end; of one who
 * has died it stands still, and is taken over once it has for as long as it is good.
 */
import { hostname, userInfo } from "node:os";
import { type KubernetesApi, kubernetesLeases } from "@interlock/kubernetes";
import { CliError } from "../errors.ts";
import { kindsIn } from "../kinds.ts";
import { pause } from "../pause.ts";
import { refusal } from "./apply.ts";

export interface LockOptions {
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
/** Renewed so often within its duration, and looked at while another one has it. */
const RENEWALS = 5;

const lockName = (app: string): string => `interlock-deploy-${app}`;

type Lease = ReturnType<ReturnType<typeof kubernetesLeases>["lease"]>;
type LeaseRecord = NonNullable<Awaited<ReturnType<Lease["read"]>>>;

/**
 * Runs `body` while nobody else deploys the application. Its signal is aborted when the lock is lost, and when that of the
 * options is; after that it is not begun.
 *
 * **Errors** `INTERLOCK_DEPLOY_LOCKED` with who holds it and since when; `INTERLOCK_NO_SUCH_NAMESPACE`,
 * `INTERLOCK_DEPLOY_FORBIDDEN`.
 */
export async function whileLocked<T>(
  api: KubernetesApi,
  options: LockOptions,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { app, durationMs = DURATION_MS, holder = whoAsks(), namespace, say, signal } = options;
  const lease = kubernetesLeases({ api, namespace }).lease(lockName(app));
  const what = `Lease ${lockName(app)}`;
  const refused = (error: unknown): never => {
    throw refusal(error, what, namespace);
  };
  const free = await untilFree(api, lease, options, durationMs).catch(refused);
  signal?.throwIfAborted();
  const { granted, record } = await lease.acquire({ holder, durationMs }, free).catch(refused);
  if (!granted || record === undefined) throw await locked(api, options, record?.holder);
  const lost = new AbortController();
  const held = keep(
    api,
    lease,
    record,
    options,
    () => void locked(api, options, undefined).then((error) => lost.abort(error)),
  );
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
  options.say(`${first.holder} deploys ${options.app}, or has died doing it: looking whether it goes on`);
  const seenMs = clock.now();
  while (clock.now() - seenMs < first.durationMs) {
    await pause(timers, durationMs / RENEWALS / 2, options.signal);
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
  first: LeaseRecord,
  { durationMs = DURATION_MS }: LockOptions,
  lost: () => void,
) {
  const { clock, timers } = api.runtime;
  let record = first;
  let renewedMs = clock.now();
  let timer: unknown;
  let renewing: Promise<void> = Promise.resolve();
  let isEnded = false;
  const renew = async (): Promise<void> => {
    const askedMs = clock.now();
    const answer = await lease.renew(record).catch(() => undefined);
    if (answer?.granted === true && answer.record !== undefined) {
      ({ record } = answer);
      renewedMs = askedMs;
    }
    // Without an answer it is tried again: others wait for as long as it is good.
    if (answer?.granted === false || clock.now() - renewedMs > durationMs) return lost();
    if (!isEnded) later();
  };
  const later = (): void => {
    timer = timers.set(() => {
      renewing = renew();
    }, durationMs / RENEWALS);
  };
  later();
  return {
    end: async (): Promise<LeaseRecord> => {
      isEnded = true;
      timers.clear(timer);
      await renewing;
      return record;
    },
  };
}

async function locked(
  api: KubernetesApi,
  { app, namespace }: LockOptions,
  holder: string | undefined,
): Promise<CliError<"INTERLOCK_DEPLOY_LOCKED">> {
  const { leases: of } = kindsIn(namespace);
  const object = await api.find(of, lockName(app)).catch(() => undefined);
  const who = holder ?? (object?.spec?.holderIdentity || "somebody else");
  const since = object?.spec?.acquireTime === undefined ? undefined : String(object.spec.acquireTime);
  const message = `${app} in ${namespace} is being deployed by ${who}${since === undefined ? "" : `, since ${since}`}`;
  return new CliError("INTERLOCK_DEPLOY_LOCKED", message, { app, namespace, holder: who, since });
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
