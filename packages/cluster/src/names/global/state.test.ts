import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import { describe, expect, test } from "vitest";

import { GroupName as Term } from "../../groups/group-name.ts";
import type { GlobalEffect, GlobalEvent } from "./events.ts";
import type { GlobalMessage } from "./messages.ts";
import { GLOBAL } from "./records.ts";
import { GlobalState } from "./state.ts";

function pidOf(name: NodeName, id = 1): LocalPid {
  return new RemotePid({ name, index: name.charCodeAt(0), route: undefined }, id, 0);
}

const mine = pidOf("b@h");
const lock = { resource: GLOBAL, requester: new Term([mine]) };

/** The state of node b, and shortly what it wants done. */
class Server {
  readonly state: GlobalState;

  constructor(preventOverlappingPartitions = true) {
    this.state = new GlobalState({ self: () => "b@h", locker: () => mine, creation: 1, preventOverlappingPartitions });
  }

  handle(event: GlobalEvent): readonly string[] {
    return this.state.handle(event).map(shown);
  }

  hear(message: GlobalMessage): readonly string[] {
    return this.handle({ type: "message", message, nowMs: 0 });
  }

  up(node: NodeName): readonly string[] {
    return this.handle({ type: "nodeup", node });
  }

  /** An attempt with `node` in which both have introduced themselves; its tag here is `tag`. */
  introduced(node: NodeName, hisTag = 7, version = 8): readonly string[] {
    this.up(node);
    return this.hear(introduction(node, hisTag, version));
  }

  /** The same, and nothing is left to do. */
  known(node: NodeName, tag = 1): void {
    this.introduced(node);
    this.handle({ type: "locked", node, tag, lock });
    this.hear({ type: "exchange", node, names: [], tag });
    this.hear({ type: "resolved", node, operations: [], external: [], known: new Map(), tag });
  }
}

function introduction(node: NodeName, tag: number, version = 8): GlobalMessage {
  return { type: "init_connect", version, tag, node, known: new Map(), locker: pidOf(node) };
}

function shown(effect: GlobalEffect): string {
  switch (effect.type) {
    case "tell": {
      const { message } = effect;
      const tag = "tag" in message && message.type !== "init_connect" ? ` ${message.tag}` : "";
      return `tell ${effect.node} ${message.type}${tag}`;
    }
    case "locker":
      return `locker ${effect.message.type}`;
    case "watch":
    case "unwatch":
      return `${effect.type} ${effect.pid}`;
    case "reply":
      return `reply ${String((effect.value as { name?: string }).name)}`;
    case "warn":
      return "warn";
    default:
      return `${effect.type} ${effect.node}`;
  }
}

describe("an attempt to connect", () => {
  test("begins with the nodeup, is confirmed, and given to the locker", () => {
    const server = new Server();
    expect(server.up("a@h")).toEqual(["tell a@h init_connect"]);
    expect(server.hear(introduction("a@h", 7))).toEqual(["locker his_locker", "tell a@h init_connect_ack"]);
    expect(server.hear({ type: "init_connect_ack", node: "a@h", yours: 1, mine: 7 })).toEqual([]);
  });

  test("begins with an introduction that came before the nodeup, or came by a node that has forgotten this one", () => {
    const server = new Server();
    expect(server.hear(introduction("a@h", 7))).toEqual([]);
    const begun = ["tell a@h init_connect", "locker his_locker", "tell a@h init_connect_ack"];
    expect(server.up("a@h")).toEqual(begun);
    server.hear({ type: "in_sync", node: "a@h" });
    expect(server.hear(introduction("a@h", 8))).toEqual(begun);
  });

  test("is begun anew by both when the other side has begun anew, or is in another one", () => {
    const anew = ["locker cancel", "tell a@h cancel_connect 7", "tell a@h init_connect"];
    const [second, other] = [new Server(), new Server()];
    second.introduced("a@h");
    expect(second.hear(introduction("a@h", 8))).toEqual(["tell a@h cancel_connect 8", ...anew]);
    other.introduced("a@h");
    const acknowledgement = { type: "init_connect_ack", node: "a@h", yours: 99, mine: 7 } as const;
    expect(other.hear(acknowledgement)).toEqual(["tell a@h cancel_connect 7", ...anew]);
  });

  test("is begun anew when it is cancelled, and not for a word about another one", () => {
    const server = new Server();
    server.introduced("a@h");
    expect(server.hear({ type: "cancel_connect", node: "a@h", tag: 99 })).toEqual([]);
    const anew = ["locker cancel", "tell a@h cancel_connect 7", "tell a@h init_connect"];
    expect(server.hear({ type: "cancel_connect", node: "a@h", tag: 1 })).toEqual(anew);
  });

  test("with a node of version 7 is neither confirmed nor cancelled, and with an older one there is none", () => {
    const server = new Server();
    expect(server.introduced("a@h", 7, 7)).toEqual(["locker his_locker"]);
    expect(server.hear(introduction("a@h", 8, 7))).toEqual(["disconnect a@h"]);
    expect(server.handle({ type: "nodedown", node: "a@h" })).toEqual(["locker cancel"]);
    expect(server.introduced("c@h", 7, 6)).toEqual(["warn"]);
  });

  test("is over with the word that both are in sync, and the other side is told should it not know", () => {
    const server = new Server();
    server.introduced("a@h");
    expect(server.hear({ type: "in_sync", node: "a@h" })).toEqual([
      "review a@h",
      "locker cancel",
      "tell a@h cancel_connect 7",
    ]);
  });

  test("in which the other side does not answer is begun anew, or the connection is when names were exchanged", () => {
    const server = new Server();
    server.introduced("a@h");
    expect(server.handle({ type: "stuck", node: "a@h", tag: 99, isLocked: true })).toEqual([]);
    expect(server.handle({ type: "stuck", node: "a@h", tag: 1, isLocked: false })).toContain("tell a@h init_connect");
    server.hear(introduction("a@h", 8));
    expect(server.handle({ type: "stuck", node: "a@h", tag: 2, isLocked: true })).toContain(
      "tell a@h remove_connection",
    );
    expect(server.handle({ type: "nodedown", node: "a@h" })).toEqual(["connect a@h"]);
  });

  test("that is over keeps no lock: who holds it for an older one is told", () => {
    const server = new Server();
    server.introduced("a@h");
    for (const event of [
      { type: "locked", node: "a@h", tag: 99, lock },
      { type: "resolved", node: "a@h", tag: 99, conflicts: [], outcomes: [] },
    ] as const)
      expect(server.handle(event)).toEqual(["locker cancel"]);
    expect(server.hear({ type: "exchange", node: "a@h", names: [], tag: 99 })).toEqual(["locker cancel"]);
    const resolved = { type: "resolved", node: "a@h", operations: [], external: [], known: new Map() } as const;
    expect(server.hear({ ...resolved, tag: 99 })).toEqual(["locker cancel"]);
    const set = { type: "lock_set", locker: pidOf("a@h"), isSet: true, known: [] } as const;
    expect(server.hear({ ...set, tag: 99 })).toEqual([]);
    expect(server.hear({ ...set, tag: 1 })).toEqual(["locker lock_set"]);
  });
});

describe("when both partitions are locked", () => {
  const entry = (pid: LocalPid) => ({ name: new Term("x"), pid, method: atom("m"), via: undefined });

  /** Until the other side's names are known: b has x, and c has another one of that name. */
  function disputing(): Server {
    const server = new Server();
    server.handle({ type: "adopt", entries: [entry(pidOf("b@h", 9))] });
    server.introduced("c@h");
    server.handle({ type: "locked", node: "c@h", tag: 1, lock });
    expect(server.hear({ type: "exchange", node: "c@h", names: [entry(pidOf("c@h", 9))], tag: 1 })).toEqual([
      "resolve c@h",
    ]);
    return server;
  }

  const conflicts = [{ ours: entry(pidOf("b@h", 9)), theirs: entry(pidOf("c@h", 9)) }];
  const resolved = { type: "resolved", node: "c@h", operations: [], external: [], known: new Map(), tag: 1 } as const;

  test.each([
    ["ours", "b@h"],
    ["theirs", "c@h"],
    ["unknown", "c@h"],
    ["none", undefined],
  ] as const)("a conflict whose outcome is %s leaves the name to %s", (outcome, node) => {
    const server = disputing();
    server.state.handle({ type: "request", request: { type: "set_lock", lock }, caller: { pid: mine, tag: 0 } });
    const [agreed] = server.state.handle({ type: "resolved", node: "c@h", tag: 1, conflicts, outcomes: [outcome] });
    server.hear(resolved);
    const there = agreed?.type === "tell" && agreed.message.type === "resolved" ? agreed.message.operations : [];
    const kept = { ours: ["insert"], theirs: [], unknown: [], none: ["delete"] };
    expect(there.map(({ type }) => type)).toEqual(kept[outcome]);
    // What both sides do, b does as well: its own entry is the one that it told of.
    expect(server.state.names.get(new Term("x"))?.pid.node).toBe(node);
  });

  test("the greater node leaves conflicts to the other one, and takes what that says", () => {
    const server = new Server();
    server.handle({ type: "adopt", entries: [entry(pidOf("b@h", 9))] });
    server.introduced("a@h");
    server.handle({ type: "locked", node: "a@h", tag: 1, lock });
    const names = [entry(pidOf("a@h", 9))];
    expect(server.hear({ type: "exchange", node: "a@h", names, tag: 1 })).toEqual(["tell a@h resolved 7"]);
    const operations = [{ type: "insert", entry: entry(pidOf("a@h", 9)) }] as const;
    server.hear({ ...resolved, node: "a@h", operations });
    expect(server.state.names.get(new Term("x"))?.pid.node).toBe("a@h");
  });

  test("a name of a node that is in no partition any more is neither told nor taken", () => {
    const server = new Server();
    server.handle({ type: "adopt", entries: [entry(pidOf("z@h", 9))] });
    server.introduced("a@h");
    const [told] = server.state.handle({ type: "locked", node: "a@h", tag: 1, lock });
    expect(told).toMatchObject({ message: { type: "exchange", names: [] } });
    const other = { ...entry(pidOf("y@h", 9)), name: new Term("y") };
    const outside = { name: new Term("o"), pid: pidOf("x@h", 9), via: "a@h" } as const;
    const names = [other, { ...entry(outside.pid), name: outside.name }];
    server.hear({ type: "exchange", node: "a@h", names, tag: 1 });
    server.hear({ ...resolved, node: "a@h", external: [outside] });
    const found = [...server.state.names.all].map(({ name, via }) => [String(name), via]);
    expect(found).toEqual([
      ["x", undefined],
      ["o", "a@h"],
    ]);
  });
});

describe("a node", () => {
  test("that others know is connected to, and told once it is", () => {
    const server = new Server();
    server.introduced("a@h");
    server.handle({ type: "locked", node: "a@h", tag: 1, lock });
    server.hear({ type: "exchange", node: "a@h", names: [], tag: 1 });
    const known = new Map([["c@h", 8]] as const);
    const merged = server.hear({ type: "resolved", node: "a@h", operations: [], external: [], known, tag: 1 });
    expect(merged).toEqual(["connect c@h", "review a@h", "locker cancel", "review c@h"]);
    expect(server.handle({ type: "connected", node: "c@h" })).toEqual(["tell c@h in_sync"]);
    expect(server.handle({ type: "unreachable", node: "c@h" })).toEqual(["warn", "tell a@h lost_connection"]);
    expect(server.handle({ type: "connected", node: "c@h" }), "it has been lost").toEqual([]);
    expect(server.handle({ type: "unreachable", node: "c@h" })).toEqual([]);
    expect(server.state.known).toEqual(["a@h"]);
  });

  test("that is known and not in sync, or in sync and not known, is connected to anew", () => {
    const half = new Server();
    half.up("a@h");
    half.hear({ type: "in_sync", node: "a@h" });
    expect(half.handle({ type: "review", node: "a@h" })).toEqual(["warn", "tell a@h remove_connection"]);
    expect(half.hear({ type: "remove_connection", node: "a@h" })).toEqual(["disconnect a@h", "warn"]);
    expect(half.handle({ type: "nodedown", node: "a@h" })).toEqual(["connect a@h"]);
    const whole = new Server();
    whole.known("a@h");
    expect(whole.handle({ type: "review", node: "a@h" })).toEqual([]);
  });

  test("that is lost is told of to all, and those who hear it part with it, once", () => {
    const server = new Server();
    server.known("a@h");
    server.known("c@h", 2);
    expect(server.handle({ type: "nodedown", node: "a@h" })).toEqual(["tell c@h lost_connection"]);
    server.known("a@h", 3);
    const loss = { type: "lost_connection", node: "a@h", creation: 1, number: 1, lost: "c@h" } as const;
    expect(server.hear(loss)).toEqual(["tell c@h lost_connection", "tell c@h remove_connection", "warn"]);
    expect(server.hear(loss)).toEqual([]);
    expect(server.handle({ type: "nodedown", node: "c@h" }), "nobody else's business").toEqual([]);
    expect(server.hear({ ...loss, number: 2, lost: "b@h" })).toEqual(["tell a@h remove_connection", "warn"]);
    expect(server.hear({ type: "remove_connection", node: "z@h" })).toEqual([]);
  });

  test("that is lost is nobody's business where partitions may overlap", () => {
    const server = new Server(false);
    server.known("a@h");
    server.known("c@h", 2);
    expect(server.hear({ type: "lost_connection", node: "a@h", creation: 1, number: 1, lost: "c@h" })).toEqual([]);
    expect(server.handle({ type: "nodedown", node: "a@h" })).toEqual([]);
  });
});

test("sync waits for the nodes that are up, until each has the same names or is lost", () => {
  const server = new Server();
  const sync = (...nodes: NodeName[]): readonly string[] =>
    server.handle({ type: "request", request: { type: "sync", nodes }, caller: { pid: mine, tag: 0 } });
  server.up("a@h");
  server.up("c@h");
  expect(sync("z@h")).toEqual(["reply ok"]);
  expect(sync("a@h", "c@h")).toEqual([]);
  expect(server.hear({ type: "in_sync", node: "a@h" })).not.toContain("reply ok");
  expect(server.handle({ type: "nodedown", node: "c@h" })).toContain("reply ok");
  expect(sync("a@h")).toEqual(["reply ok"]);
});
