/** What the tool's exit codes mean; the same for all commands. */
import { isCoded } from "../ui/error.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  timedOut: 4,
  notFound: 5,
  rolloutFailed: 6,
  locked: 7,
  forbidden: 8,
  interrupted: 130,
} as const;

/** For people, in the order of the codes. */
export const exitMeanings: { readonly [Name in keyof typeof exitCodes]: string } = {
  ok: "it is done",
  failed: "it could not be done",
  usage: "the command, one of its options or the application's file is wrong",
  degraded: "it was looked at, and is not as it should be",
  timedOut: "it goes on, and takes longer than was waited for",
  notFound: "there is no such thing",
  rolloutFailed: "it was sent, and its rollout cannot succeed; the pods of before go on serving",
  locked: "somebody else is deploying the application",
  forbidden: "whoever asks may not do that",
  interrupted: "somebody interrupted it",
};

const usage: ReadonlySet<string> = new Set([
  "INTERLOCK_APP_FILE",
  "INTERLOCK_TLS_CHANGE",
  "INTERLOCK_LAUNCH_OPTION",
  "INTERLOCK_ENTRY",
  "INTERLOCK_FOLDER_NOT_EMPTY",
]);

const codes: Readonly<Record<string, keyof typeof exitCodes>> = {
  INTERLOCK_ROLLOUT_FAILED: "rolloutFailed",
  INTERLOCK_DEPLOY_LOCKED: "locked",
  INTERLOCK_DEPLOY_FORBIDDEN: "forbidden",
  INTERLOCK_KUBERNETES_FORBIDDEN: "forbidden",
  INTERLOCK_INTERRUPTED: "interrupted",
  INTERLOCK_ROTATION_STALLED: "timedOut",
};

export function exitCodeOf(error: unknown): number {
  if (!isCoded(error)) return exitCodes.failed;
  if (usage.has(error.code)) return exitCodes.usage;
  const own = codes[error.code];
  if (own !== undefined) return exitCodes[own];
  if (/TIMEOUT$/.test(error.code)) return exitCodes.timedOut;
  if (/NOT_FOUND$|NO_SUCH/.test(error.code)) return exitCodes.notFound;
  return exitCodes.failed;
}
