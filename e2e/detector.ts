/** What the load lost. `lossesOf` is empty when nothing was, and says what, where and when otherwise. */
import type { Failure, Landing, LoadReport } from "./apps/proof/src/load/report.ts";
import { say } from "./kubernetes.ts";
import type { PodLogs } from "./pod-logs.ts";

/** Requests that failed, with what the pods said of them, and numbers that were lost, doubled or out of order. */
export function lossesOf(report: LoadReport, logs: PodLogs): readonly string[] {
  return [
    ...explain(report, logs),
    ...report.written.flatMap(({ doubled, key, lost, outOfOrder, refused }) =>
      [
        ...told(`journal ${key} lost`, lost),
        ...told(`journal ${key} has twice`, doubled),
        ...told(`journal ${key} has out of order`, outOfOrder),
      ].map((loss) => [loss, ...refused].join("; refused ")),
    ),
  ];
}

/**
 * Without the requests that crossed the end of their connection: HTTP/1 cannot refuse those. A drain waits for all connections to be
 * used a last time; one whose grace is cut is killed while some of them are idle.
 */
export function withoutCrossed(report: LoadReport): LoadReport {
  const hasCrossed = ({ error, kind, lastPhase }: Failure): boolean =>
    kind === "idle" && error === "ECONNRESET" && lastPhase === "serving";
  return { ...report, failures: report.failures.filter((failure) => !hasCrossed(failure)) };
}

/** WebSockets that came back to a pod that was already draining. */
export function landedOnDraining({ landings }: LoadReport): readonly Landing[] {
  return landings.filter(({ phase }) => phase !== "serving");
}

/** How often each of the WebSockets connected again: 0 → so many of them, 1 → so many. */
export function reconnects({ landings, written }: LoadReport): Readonly<Record<number, number>> {
  const times: Record<number, number> = {};
  for (const { key } of written) {
    const count = landings.filter((landing) => landing.key === key).length;
    times[count] = (times[count] ?? 0) + 1;
  }
  return times;
}

/** A few lines for people. */
export function summary(report: LoadReport): string {
  const gaps = report.landings.map(({ gapMs }) => gapMs).toSorted((a, b) => a - b);
  const waits = report.written.map(({ longestWaitMs }) => longestWaitMs);
  const sum = (pick: (one: LoadReport["written"][number]) => number): number =>
    report.written.reduce((total, one) => total + pick(one), 0);
  const kinds = Object.entries(report.requests).map(
    ([kind, { failed, maxMs, p50Ms, p99Ms, sent }]) =>
      `  ${kind}: ${sent} sent, ${failed} failed, ${p50Ms}/${p99Ms}/${maxMs} ms (50 %, 99 %, longest)`,
  );
  return [
    `${((report.to - report.from) / 1_000).toFixed(0)} s at ${report.requestsPerSecond} requests/s, the clients late by up to ${report.lateMs} ms`,
    ...kinds,
    `  WebSockets: ${report.written.length}, reconnects ${JSON.stringify(reconnects(report))}, ${landedOnDraining(report).length} onto a draining pod, ` +
      `longest gap ${gaps.at(-1) ?? 0} ms`,
    `  journals: ${sum(({ written }) => written)} written, ${sum(({ lost }) => lost.length)} lost, ${sum(({ doubled }) => doubled.length)} doubled, ` +
      `${sum(({ outOfOrder }) => outOfOrder.length)} out of order, longest wait ${Math.max(0, ...waits)} ms`,
  ].join("\n");
}

/** Says what a load saw, and the first 20 of its failures. */
export function tell(report: LoadReport, logs: PodLogs): void {
  say(summary(report));
  for (const line of explain(report, logs).slice(0, 20)) say(line);
}

/** What the pods said of the connections that failed requests went over: which phase closed them, and how long after the request. */
export function explain({ failures }: LoadReport, logs: PodLogs): readonly string[] {
  return failures.map((failure) => {
    const closes = logs.saying(new RegExp(`^closed ${failure.port} in `)).map(({ pod, text }) => {
      const [, , , phase, , at] = text.split(" ");
      return `${pod} closed it in ${phase}, ${Number(at) - failure.at} ms after the request was sent`;
    });
    return `${tellFailure(failure)}: ${closes.join("; ") || "no pod says that it closed it"}`;
  });
}

function tellFailure(failure: Failure): string {
  const {
    afterMs,
    answersBefore,
    at,
    error,
    finBeforeMs,
    idleMs,
    kind,
    lastPhase,
    lastPod,
    method,
    port,
    wasAnnounced,
  } = failure;
  const history =
    answersBefore === 0
      ? "the connection's first request"
      : `after ${answersBefore} answers, idle for ${ms(idleMs)}, last by ${lastPod} while ${lastPhase}${wasAnnounced ? ", which had said Connection: close" : ""}`;
  const fin =
    finBeforeMs === undefined
      ? "no FIN seen"
      : finBeforeMs >= 0
        ? `FIN ${ms(finBeforeMs)} before`
        : `FIN ${ms(-finBeforeMs)} after it was sent`;
  return `${new Date(at).toISOString().slice(11, 23)} ${kind} ${method}: ${error} after ${ms(afterMs)} (port ${port}; ${history}; ${fin})`;
}

const ms = (value: number | undefined): string => (value === undefined ? "?" : `${value.toFixed(1)} ms`);

function told(what: string, numbers: readonly number[]): readonly string[] {
  return numbers.length === 0
    ? []
    : [`${what} ${numbers.length}: ${numbers.slice(0, 8).join(" ")}${numbers.length > 8 ? " …" : ""}`];
}
