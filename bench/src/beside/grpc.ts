/**
 * The counter behind `@grpc/grpc-js`: unary calls from 100 concurrent callers over one channel to another process, on
 * loopback and without TLS. Messages are protobuf's (`message Count { int32 value = 1; }`), written by hand, so that what a
 * generator or a loader would add is no part of the figure.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { emitRate, quick, repetitions, runPrograms, seconds } from "../figure.ts";

const CALLERS = 100;
const COUNT = quick ? 5_000 : 20_000;

/** A positive int32 in field 1, as a varint. */
function toBytes(value: number): Buffer {
  const bytes = [8];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}

function fromBytes(bytes: Buffer): number {
  let value = 0;
  for (let at = bytes.length - 1; at > 0; at--) value = (value << 7) | ((bytes[at] as number) & 127);
  return value;
}

const increment = {
  path: "/bench.Counter/Increment",
  requestStream: false,
  responseStream: false,
  requestSerialize: toBytes,
  requestDeserialize: fromBytes,
  responseSerialize: toBytes,
  responseDeserialize: fromBytes,
} as const;

async function serve(): Promise<void> {
  let count = 0;
  const server = new Server();
  const service = { increment } satisfies ServiceDefinition;
  server.addService(service, {
    increment: (call: { readonly request: number }, answer: (error: null, value: number) => void) => {
      count += call.request;
      answer(null, count);
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  console.log(await promise);
}

function call(client: Client): Promise<number> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = increment;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, 1, (error, value) =>
      error === null && value !== undefined ? resolve(value) : reject(error),
    );
  });
}

if (process.argv[2] === "serve") await serve();
else
  await runPrograms({
    grpc: async () => {
      const child = spawn(process.execPath, [import.meta.filename, "serve"], { stdio: ["ignore", "pipe", "inherit"] });
      process.on("exit", () => child.kill("SIGKILL"));
      const [port] = (await once(child.stdout, "data")) as [Buffer];
      const client = new Client(`127.0.0.1:${String(port).trim()}`, credentials.createInsecure());
      const caller = async (): Promise<void> => {
        for (let calls = 0; calls < COUNT / CALLERS; calls++) await call(client);
      };
      const times: number[] = [];
      for (let repetition = 0; repetition < repetitions; repetition++)
        times.push(await seconds(async () => void (await Promise.all(Array.from({ length: CALLERS }, caller)))));
      emitRate("grpc_call_100_callers", COUNT, times);
    },
  });
