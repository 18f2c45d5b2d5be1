/**
 * The thread of the management port. The kubelet is answered here although the main thread hangs; what only the main thread
 * knows is asked of it, with a limit of time. A main thread that hangs for too long takes the whole program down with it, so
 * that the container is started anew.
 */
import { timingSafeEqual } from "node:crypto";
import { writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { killProgram, watchBeats } from "../heartbeat.ts";
import {
  type Answer,
  type Answered,
  type Asked,
  type Opened,
  type Question,
  rootWords,
  type ThreadOptions,
  TOKEN_HEADER,
} from "./protocol.ts";

const STDERR_FD = 2;
const questions: Readonly<Record<string, Question>> = {
  "/startup": "startup",
  "/ready": "ready",
  "/lifecycle/prestop": "prestop",
  "/lifecycle/status": "status",
};

const given = workerData as Partial<ThreadOptions> | null;
if (parentPort !== null && given?.managementPort !== undefined) serve(parentPort, given as ThreadOptions);

function serve(main: MessagePort, options: ThreadOptions): void {
  const { answerMs, hangMs, token } = options;
  const waiting = new Map<number, { readonly question: Question; readonly answer: (answer: Answer) => void }>();
  let asked = 0;
  let hungMs = 0;
  /** What of it was before it had started. */
  let startMs = 0;

  main.on("message", ({ id, ...answer }: Answered) => waiting.get(id)?.answer(answer));

  const ask = (question: Question, answered: (answer: Answer) => void): void => {
    const id = ++asked;
    const answer = (one: Answer): void => {
      clearTimeout(limit);
      waiting.delete(id);
      answered(one);
    };
    // The hook is to wait: until its pod has settled, or it is known that nobody will say so.
    const limit =
      question === "prestop"
        ? undefined
        : setTimeout(() => {
            const reason = `the main thread has not answered within ${answerMs} ms`;
            answer({ status: 503, body: { [question]: false, reasons: [{ check: "main_thread", reason }] } });
          }, answerMs);
    waiting.set(id, { question, answer });
    main.postMessage({ id, question } satisfies Asked);
  };

  const live = (): Answer => {
    const reasons: { readonly check: string; readonly reason: string }[] = [];
    if (hangMs > 0 && hungMs >= hangMs)
      reasons.push({ check: "main_thread", reason: `it has not turned for ${hungMs} ms` });
    if (Atomics.load(options.root, 0) === rootWords.ended)
      reasons.push({ check: "root", reason: "a root supervisor has given up" });
    return { status: reasons.length === 0 ? 200 : 503, body: { live: reasons.length === 0, reasons } };
  };

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    const [path = "/"] = (request.url ?? "/").split("?");
    const question = questions[path];
    if (path === "/live") return send(response, live());
    if (question === undefined)
      return send(response, { status: 404, body: { paths: ["/live", ...Object.keys(questions)] } });
    // Any pod may reach this port: only the kubelet has been told the word.
    if (question === "prestop" && !isToken(request.headers[TOKEN_HEADER], token))
      return send(response, { status: 403, body: { error: `${TOKEN_HEADER} is missing or wrong` } });
    ask(question, (answer) => send(response, answer));
  };

  const server = createServer(handle);
  server.once("error", (error) => main.postMessage({ problem: error.message } satisfies Opened));
  server.listen({ port: options.managementPort, host: options.host }, () => {
    server.removeAllListeners("error");
    main.postMessage({ port: (server.address() as AddressInfo).port } satisfies Opened);
  });

  watchBeats(options.beats, (forMs) => {
    // Who starts may be busy for as long as the startup probe lets it.
    if (Atomics.load(options.root, 0) === rootWords.none || forMs < startMs) startMs = forMs;
    hungMs = forMs - startMs;
    if (hangMs === 0 || hungMs < hangMs) return;
    for (const { answer, question } of waiting.values())
      if (question === "prestop") answer({ status: 200, body: { settled: false, reason: "the main thread hangs" } });
    // In the next turn, for those answers to leave.
    setImmediate(() => {
      try {
        writeSync(STDERR_FD, `interlock: the main thread has not turned for ${hungMs} ms: the program is ended\n`);
      } finally {
        killProgram();
      }
    });
  });
}

function send(response: ServerResponse, { body, status }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function isToken(got: string | string[] | undefined, token: string | undefined): boolean {
  if (token === undefined || token === "" || typeof got !== "string") return false;
  const [a, b] = [Buffer.from(got), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
