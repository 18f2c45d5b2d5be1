/** Networks that fail in ways of their own: ports of a node in a test, between it and the real ones. */
import { nodePorts, type Ports, type Socket, type SocketEvents } from "../ports.ts";

/** Ports whose connections can be made a black hole: nothing gets through, and nobody is told. */
export function muffled(inner: Ports = nodePorts): {
  readonly ports: Ports;
  mute(): void;
  unmute(): void;
} {
  let muted = false;
  /** What either side did to a connection meanwhile. */
  const later: (() => void)[] = [];
  const wrap = (socket: Socket): Socket => {
    let mine: SocketEvents | undefined;
    let isClosed = false;
    const closed = (error?: Error): void => {
      if (isClosed) return;
      isClosed = true;
      mine?.closed(error);
    };
    const close = (how: () => void): void => {
      if (!muted) return how();
      later.push(how);
      queueMicrotask(closed);
    };
    return {
      get remote() {
        return socket.remote;
      },
      get buffered() {
        return socket.buffered;
      },
      isFor: (host) => socket.isFor(host),
      open: (events) => {
        mine = events;
        socket.open({
          ...events,
          data: (bytes) => (muted || isClosed ? undefined : events.data(bytes)),
          closed: (error) => (muted ? void later.push(() => closed(error)) : closed(error)),
        });
      },
      write: (...chunks) => (muted ? undefined : socket.write(...chunks)),
      end: () => close(() => socket.end()),
      destroy: () => close(() => socket.destroy()),
    };
  };
  const ports: Ports = {
    ...inner,
    dial: async (to, signal, tls) => wrap(await inner.dial(to, signal, tls)),
    listen: (at, accepted, tls) => inner.listen(at, (socket) => accepted(wrap(socket)), tls),
  };
  return {
    ports,
    mute: () => {
      muted = true;
    },
    unmute: () => {
      muted = false;
      for (const act of later.splice(0)) act();
    },
  };
}

/** Ports whose connections take everything and let nothing through while they are dammed. */
export function dammed(): { readonly ports: Ports; dam(): void; release(): void } {
  let closed = false;
  const held: { readonly socket: Socket; readonly chunks: readonly Uint8Array[]; readonly events: SocketEvents }[] = [];
  const wrap = (socket: Socket): Socket => {
    let mine: SocketEvents | undefined;
    return {
      remote: "the other one",
      get buffered() {
        return held.flatMap(({ chunks }) => chunks).reduce((sum, { length }) => sum + length, socket.buffered);
      },
      isFor: (host) => socket.isFor(host),
      open: (events) => {
        mine = events;
        socket.open(events);
      },
      write: (...chunks) =>
        closed ? void held.push({ socket, chunks, events: mine as SocketEvents }) : socket.write(...chunks),
      end: () => socket.end(),
      destroy: () => socket.destroy(),
    };
  };
  return {
    ports: { ...nodePorts, dial: async (to, signal, tls) => wrap(await nodePorts.dial(to, signal, tls)) },
    dam: () => {
      closed = true;
    },
    release: () => {
      closed = false;
      const all = held.splice(0);
      for (const { socket, chunks } of all) socket.write(...chunks);
      for (const { events } of all) events.drained();
    },
  };
}
