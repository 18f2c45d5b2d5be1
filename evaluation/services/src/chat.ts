/** The newsroom's chat as one writes it without Interlock: rooms in memory, and the same protocol. */
import type { WebSocket } from "ws";

interface Said {
  readonly type: "said";
  readonly room: string;
  readonly number: number;
  readonly id: string;
  readonly from: string;
  readonly text: string;
  readonly at: number;
}

type Frame =
  | { readonly type: "join"; readonly room: string; readonly name: string }
  | { readonly type: "say"; readonly id: string; readonly text: string };

const KEPT_SAID = 50;
const KEPT_HEARD = 500;

class Room {
  readonly name: string;
  readonly visitors = new Map<WebSocket, string>();
  said: readonly Said[] = [];
  /** Told to fail with the next thing that is said. */
  isBroken = false;
  #count = 0;
  readonly #heard: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  say(from: string, id: string, text: string): void {
    if (this.#heard.includes(id)) return;
    if (this.isBroken) {
      this.isBroken = false;
      throw new Error("Told to crash in the middle of a conversation");
    }
    this.#count++;
    const line: Said = { type: "said", room: this.name, number: this.#count, id, from, text, at: Date.now() };
    this.said = [...this.said, line].slice(-KEPT_SAID);
    this.#heard.push(id);
    if (this.#heard.length > KEPT_HEARD) this.#heard.shift();
    this.tell(line);
  }

  tell(message: object): void {
    for (const visitor of this.visitors.keys()) visitor.send(JSON.stringify(message));
  }
}

const rooms = new Map<string, Room>();

export function accept(socket: WebSocket): void {
  let room: Room | undefined;
  socket.on("error", () => undefined);
  socket.on("close", () => room?.visitors.delete(socket));
  socket.on("message", (data) => {
    // What fails in here costs one message: the same as what Express does for a request.
    try {
      const frame = JSON.parse((data as Buffer).toString()) as Frame;
      if (frame.type === "join") {
        room?.visitors.delete(socket);
        room = enter(socket, frame.room, frame.name);
      } else if (room !== undefined) {
        room.say(room.visitors.get(socket) ?? "Reader", frame.id, frame.text);
      }
    } catch (error) {
      console.error(error);
      socket.send(JSON.stringify({ type: "notice", code: "ERROR", message: "That did not work." }));
    }
  });
}

function enter(socket: WebSocket, name: string, visitor: string): Room {
  const room = rooms.get(name) ?? new Room(name);
  rooms.set(name, room);
  room.visitors.set(socket, visitor);
  socket.send(JSON.stringify({ type: "joined", room: name, name: visitor, history: room.said }));
  const people = [...room.visitors.values()].toSorted();
  room.tell({ type: "people", room: name, people: people.slice(0, 40), count: people.length });
  return room;
}

export function breakRoom(name: string): void {
  const room = rooms.get(name);
  if (room !== undefined) room.isBroken = true;
}
