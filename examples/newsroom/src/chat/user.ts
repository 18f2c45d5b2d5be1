/**
 * A visitor: one process a connection. It owns the socket, so the socket closes when it ends; what the visitor sends
 * goes through its mailbox, which is bounded, and through its token bucket. Whatever a visitor does, these two are as
 * far as it gets.
 */
import { randomUUID } from "node:crypto";
import type { PresenceEvent } from "@interlock/cluster";
import {
  bind,
  type ConfigChange,
  type ExitReason,
  exit,
  genServer,
  getEnv,
  isError,
  type Monitor,
  noreply,
  type Pid,
  processInfo,
  type Self,
  type SystemMessage,
  self,
  send,
  stop,
  trySend,
  watchConfig,
} from "@interlock/core";
import type { RawData, WebSocket } from "ws";
import { isBeingRestarted } from "../being-restarted.ts";
import { type NewsroomConfig, newsroomConfig } from "../config.ts";
import { describeReason } from "../reason.ts";
import { idOf } from "../town/town-name.ts";
import { attendance, type RoomNews, roomTopic, type Visit, visits } from "./attendance.ts";
import { emptyOutbox, next, type Outbox, put, said, unsaid } from "./outbox.ts";
import { type FromVisitor, type Notice, readFrame, type ToVisitor } from "./protocol.ts";
import type { Words } from "./room.ts";
import { rooms } from "./rooms.ts";
import { fullBucket, type Rate, type TokenBucket, take } from "./token-bucket.ts";

const { chat: usualRate } = newsroomConfig.parse({});
/** Messages shed within `patienceMs` before a visitor is shown the door. */
const patience = 400;
const patienceMs = 5_000;
/** A visitor who does not read is not written to without end. */
const maxUnsentBytes = 1_000_000;
const pingMs = 30_000;
/** Between two tries to reach a room. */
const againMs = 100;
/** A room that fell over is given a moment. */
const crashedMs = 200;
/** As WebSocket has it: a message that breaks the house rules; please try again later. */
const POLICY = 1008;
const RESTART = 1012;
const TOO_SLOW = 1013;

interface Visitor {
  readonly socket: WebSocket;
  /** The node that the socket ends at, in words. */
  readonly here: string;
  readonly name: string;
  /** The room wanted, whether or not it is there just now. */
  readonly room: string | undefined;
  readonly roomMonitor: Monitor | undefined;
  readonly outbox: Outbox;
  /** How fast this visitor may speak; the configuration says so. */
  readonly rate: Rate;
  readonly bucket: TokenBucket;
  readonly shed: number;
  readonly shedSinceMs: number;
  readonly answered: boolean;
}

type Frame = { readonly type: "frame"; readonly data: string | undefined } | { readonly type: "pong" };
type Alarm = { readonly type: "rejoin"; readonly room: string } | { readonly type: "ping" } | { readonly type: "post" };
/** What became of words on their way to the room. */
type Post = { readonly type: "posted"; readonly error: unknown };

export const User = genServer({
  name: "user",

  init: (socket: WebSocket, here: string): Visitor => {
    const me = self();
    listen(socket, me as Self<Frame>);
    me.own({ close: () => socket.close(RESTART, "Your connection was reset.") });
    me.sendAfter(pingMs, { type: "ping" });
    const nowMs = Date.now();
    watchConfig("newsroom");
    const rate = (getEnv("newsroom", "chat") as Rate | undefined) ?? usualRate;
    return {
      socket,
      here,
      name: "Reader",
      room: undefined,
      roomMonitor: undefined,
      outbox: emptyOutbox,
      rate,
      bucket: fullBucket(rate, nowMs),
      shed: 0,
      shedSinceMs: nowMs,
      answered: true,
    };
  },

  info(
    ctx,
    message: SystemMessage | Frame | Alarm | Post | RoomNews | PresenceEvent<Visit> | ConfigChange<NewsroomConfig>,
  ) {
    const { self, state } = ctx;
    switch (message.type) {
      case "frame":
        return hear(self, state, message.data);
      case "news":
        return state.socket.bufferedAmount > maxUnsentBytes
          ? showOut(state, TOO_SLOW, "Too slow.")
          : told(state, message.news);
      case "rejoin":
        return message.room === state.room ? join(self, state, message.room, state.name, true) : noreply();
      case "pong":
        return noreply({ ...state, answered: true });
      case "ping":
        // No pong since the last ping: the other end is gone, and TCP has not noticed.
        if (!state.answered) return stop({ shutdown: "no_pong" });
        state.socket.ping();
        self.sendAfter(pingMs, { type: "ping" });
        return noreply({ ...state, answered: false });
      case "presence":
        return told(state, attendance(message.topic));
      case "config_change":
        return message.changed.chat === undefined ? noreply() : newRules(state, message.changed.chat);
      case "post":
        return post(self, state);
      case "posted":
        return posted(self, state, message.error);
      case "DOWN":
        return message.ref === state.roomMonitor?.ref ? roomGone(self, state, message.reason) : noreply();
      default:
        return noreply();
    }
  },
});

/** Hands what the socket says to the process. `bind`, since a socket's listeners run as whoever made the socket. */
function listen(socket: WebSocket, me: Self<Frame>): void {
  const { pid } = me;
  socket.on(
    "message",
    bind((data: RawData, isBinary: boolean) => {
      // A full mailbox refuses: a message that is never handled costs one string.
      trySend(pid, { type: "frame", data: isBinary ? undefined : (data as Buffer).toString() });
    }),
  );
  socket.on(
    "pong",
    bind(() => void trySend(pid, { type: "pong" })),
  );
  // ws answers a broken frame with its close code (1002, 1007, 1009) by itself; "close" follows.
  socket.on("error", () => undefined);
  socket.on(
    "close",
    bind(() => exit(pid, { shutdown: "closed" })),
  );
  socket.resume();
}

function hear(self: Self<unknown>, state: Visitor, data: string | undefined) {
  const nowMs = Date.now();
  const { allowed, bucket } = take(state.bucket, state.rate, nowMs);
  if (!allowed) return shed(self, { ...state, bucket }, nowMs);
  const frame = readFrame(data);
  const next = { ...state, bucket };
  return frame.type === "notice" ? told(next, frame) : act(self, next, frame, nowMs);
}

function act(self: Self<unknown>, state: Visitor, frame: FromVisitor, nowMs: number) {
  if (frame.type === "join") return join(self, state, frame.room, frame.name, false);
  if (state.room === undefined) return told(state, noRoom);
  const words: Words = { id: frame.id ?? randomUUID(), from: state.name, text: frame.text, at: nowMs };
  const outbox = put(state.outbox, words);
  return outbox === undefined ? told(state, tooMuchUnsaid) : post(self, { ...state, outbox });
}

/** Says the next words, if none are on their way. The visitor goes on listening meanwhile. */
function post(self: Self<unknown>, state: Visitor) {
  const { outbox, words } = next(state.outbox);
  if (words === undefined || state.room === undefined) return noreply(state);
  const pid = self.pid as Pid<Post>;
  const answered = (error?: unknown): void => send(pid, { type: "posted", error });
  rooms
    .at(state.room)
    .call.say(words)
    .then(() => answered(), answered);
  return noreply({ ...state, outbox });
}

/** The room moves, or is opened again: the words are said once more. It knows those that it has heard. */
function posted(self: Self<unknown>, state: Visitor, error: unknown) {
  if (error === undefined) return post(self, { ...state, outbox: said(state.outbox) });
  if (!isBeingRestarted(error)) throw error;
  self.sendAfter(againMs, { type: "post" });
  return noreply({ ...state, outbox: unsaid(state.outbox) });
}

/** A room that crashed has something to tell; one that moved, or whose node was lost, is simply elsewhere. */
function roomGone(self: Self<unknown>, state: Visitor, reason: ExitReason) {
  const { room } = state;
  const next: Visitor = { ...state, roomMonitor: undefined };
  if (room === undefined) return noreply(next);
  const crashed = typeof reason === "object" && reason !== null && "error" in reason;
  self.sendAfter(crashed ? crashedMs : 0, { type: "rejoin", room });
  return crashed ? told(next, { type: "room-down", room, reason: describeReason(reason) }) : noreply(next);
}

/** Enters a room, leaving the one before. A room that fails meanwhile is tried again. */
async function join(self: Self<unknown>, state: Visitor, room: string, name: string, returned: boolean) {
  if (state.room !== undefined && state.room !== room) {
    state.roomMonitor?.demonitor({ flush: true });
    leave(self, state.room);
  }
  self.setLabel(name);
  const wanted: Visitor = { ...state, room, name, roomMonitor: state.room === room ? state.roomMonitor : undefined };
  // First, so that nothing is missed between the history and the news; what is in both has the same number.
  roomTopic(room).subscribe(self);
  visits.subscribe(room, self);
  try {
    const history = await rooms.at(room).call.said();
    const roomMonitor = wanted.roomMonitor ?? self.monitor(rooms.named(room));
    track(self, room, name, { node: state.here });
    const roomNode = idOf(rooms.whereis(room)?.node ?? "");
    told(wanted, { type: "joined", room, name, history, returned, node: state.here, roomNode });
    return told({ ...wanted, roomMonitor }, attendance(room));
  } catch (error) {
    if (isError(error, "INTERLOCK_MAX_CHILDREN")) return told({ ...wanted, room: undefined }, noRoomLeft);
    if (!isBeingRestarted(error) && !isError(error, "INTERLOCK_START_FAILED")) throw error;
    // The room, or all of the chat, is on its way back.
    self.sendAfter(againMs, { type: "rejoin", room });
    return noreply(wanted);
  }
}

/** Somebody who was there under another name is there under that no more. */
function track({ pid }: Self<unknown>, room: string, name: string, visit: Visit): void {
  if (visits.update(pid, room, name, visit)) return;
  visits.untrack(pid, room);
  visits.track(pid, room, name, visit);
}

function leave(self: Self<unknown>, room: string): void {
  roomTopic(room).unsubscribe(self);
  visits.unsubscribe(room, self);
  visits.untrack(self.pid, room);
}

const tooMuchUnsaid: Notice = {
  type: "notice",
  code: "NEWSROOM_CHAT_ROOM_DOWN",
  message: "The room is being opened again; your last message was not sent.",
  hint: "Say it again in a moment.",
};

const noRoom: Notice = {
  type: "notice",
  code: "NEWSROOM_CHAT_NO_ROOM",
  message: "You are in no room yet.",
  hint: 'Send {"type":"join","room","name"} first.',
};

const noRoomLeft: Notice = {
  type: "notice",
  code: "NEWSROOM_CHAT_NO_ROOM_LEFT",
  message: "No further room can be opened.",
  hint: "Join one that is open already.",
};

/** Drops a message, says so once a second, and ends the conversation with a visitor who does not stop. */
function shed(self: Self<unknown>, state: Visitor, nowMs: number) {
  const dropped = processInfo(self.pid)?.dropped ?? 0;
  const started = nowMs - state.shedSinceMs > patienceMs;
  const count = (started ? 0 : state.shed) + 1;
  if (count + dropped > patience) return showOut(state, POLICY, "Too many messages.");
  const next: Visitor = { ...state, shed: count, shedSinceMs: started ? nowMs : state.shedSinceMs };
  if (count > 1) return noreply(next);
  return told(next, {
    type: "notice",
    code: "NEWSROOM_CHAT_TOO_FAST",
    message: "You are typing faster than the town can read; some messages were not sent.",
    hint: ruleOf(next.rate),
  });
}

/** The conversation goes on; what was saved up for a burst is worth what it is now. */
function newRules(state: Visitor, rate: Rate) {
  const bucket = { ...state.bucket, tokens: Math.min(state.bucket.tokens, rate.burst) };
  return told(
    { ...state, rate, bucket },
    {
      type: "notice",
      code: "NEWSROOM_CHAT_RULES",
      message: "The house rules of the chat have changed.",
      hint: ruleOf(rate),
    },
  );
}

function ruleOf({ burst, perSecond }: Rate): string {
  return `At most ${perSecond} a second, ${burst} at once.`;
}

function told(state: Visitor, message: ToVisitor) {
  if (state.socket.readyState === state.socket.OPEN) state.socket.send(JSON.stringify(message));
  return noreply(state);
}

function showOut(state: Visitor, code: number, why: string) {
  state.socket.close(code, why);
  // One that does not even close in turn is not waited for.
  setTimeout(() => state.socket.terminate(), 2_000).unref();
  return stop({ shutdown: why });
}
