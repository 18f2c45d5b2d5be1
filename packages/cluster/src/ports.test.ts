import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";

import { nodePorts, type Socket, type SocketEvents } from "./ports.ts";

/** Both ends of a connection over loopback, neither open yet. */
async function pair(): Promise<{ readonly dialled: Socket; readonly accepted: Socket; close(): Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const listener = await nodePorts.listen({ host: "127.0.0.1", port: 0 }, resolve);
  const dialled = await nodePorts.dial(listener.address, new AbortController().signal);
  return { dialled, accepted: await promise, close: () => listener.close() };
}

interface Heard {
  readonly chunks: Uint8Array[];
  /** The chunks that lay in the room that was given. */
  inRoom: number;
  readonly closed: Promise<Error | undefined>;
  /** Resolves when so many bytes have come. */
  bytes(count: number): Promise<void>;
}

function open(socket: Socket, room?: () => Uint8Array | undefined): Heard {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  let ends = 0;
  let length = 0;
  let waiting: (() => void) | undefined;
  const heard: Heard = {
    chunks: [],
    inRoom: 0,
    closed: promise,
    bytes: async (count) => {
      while (length < count)
        await new Promise<void>((wake) => {
          waiting = wake;
        });
    },
  };
  const events: SocketEvents = {
    data: (bytes) => {
      if (bytes.buffer === room?.()?.buffer) heard.inRoom++;
      heard.chunks.push(new Uint8Array(bytes));
      length += bytes.length;
      waiting?.();
    },
    ...(room === undefined ? {} : { room }),
    drained: () => undefined,
    closed: (error) => {
      ends++;
      if (ends > 1) throw new Error("a second end");
      resolve(error);
    },
  };
  socket.open(events);
  return heard;
}

describe.each(["dialled", "accepted"] as const)("a socket that was %s", (side) => {
  const other = side === "dialled" ? "accepted" : "dialled";

  test("reads into the room that it is given, and elsewhere while there is none", async () => {
    const { [side]: socket, [other]: far, close } = await pair();
    let room: Uint8Array | undefined;
    const heard = open(socket, () => room);
    open(far);
    far.write(Buffer.from("first"));
    await heard.bytes(5);
    expect(heard.inRoom).toBe(0);
    room = new Uint8Array(65_536);
    // The room is asked for after every read: what comes next still lies where the last one has left it.
    far.write(Buffer.from("second"));
    await heard.bytes(11);
    far.write(Buffer.from("third"));
    await heard.bytes(16);
    expect(heard.inRoom).toBeGreaterThan(0);
    expect(Buffer.from(room.subarray(0, 5)).toString()).toBe("third");
    expect(Buffer.concat(heard.chunks).toString()).toBe("firstsecondthird");
    socket.destroy();
    await close();
  });

  test("loses nothing of what comes before it is opened", async () => {
    const { [side]: socket, [other]: far, close } = await pair();
    open(far);
    far.write(Buffer.alloc(300_000, "x"));
    await new Promise((resolve) => setImmediate(resolve));
    const heard = open(socket);
    await heard.bytes(300_000);
    expect(Buffer.concat(heard.chunks).equals(Buffer.alloc(300_000, "x"))).toBe(true);
    socket.destroy();
    await close();
  });

  test.each(["end", "destroy"] as const)("tells its end once, and so does the other side, after %s()", async (way) => {
    const { [side]: socket, [other]: far, close } = await pair();
    const [near, there] = [open(socket), open(far)];
    socket.write(Buffer.from("last words"));
    socket[way]();
    expect(await near.closed).toBeUndefined();
    await there.closed;
    if (way === "end") expect(Buffer.concat(there.chunks).toString()).toBe("last words");
    await close();
  });
});

test("a connection that is accepted knows its peer, and ends when that shuts its side", async () => {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const listener = await nodePorts.listen({ host: "127.0.0.1", port: 0 }, resolve);
  const peer = connect(listener.address.port, "127.0.0.1");
  await once(peer, "connect");
  const socket = await promise;
  expect(socket.remote).toBe(`127.0.0.1:${peer.localPort}`);
  const heard = open(socket);
  peer.end("bye");
  expect(await heard.closed).toBeUndefined();
  expect(Buffer.concat(heard.chunks).toString()).toBe("bye");
  await listener.close();
});
