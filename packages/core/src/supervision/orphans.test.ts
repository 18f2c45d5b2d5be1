import { expect, test } from "vitest";
import {
  dynamicSupervisor,
  exit,
  genServer,
  isAlive,
  local,
  monitor,
  type Name,
  onReport,
  type Report,
  reply,
  supervisor,
  whereis,
} from "../index.ts";

/** Resolves with the pid of `childId` when its supervisor has started it again. */
function nextStart(childId: string): Promise<Extract<Report, { type: "progress" }>> {
  return new Promise((resolve) => {
    onReport((report) => {
      if (report.type === "progress" && report.childId === childId) resolve(report);
    });
  });
}

test("a killed supervisor with a named child comes back within an intensity of 1: its orphan is waited for", async () => {
  const leaf = supervisor({ name: "leaf", strategy: "one_for_one", children: () => [] });
  const mid = supervisor({
    name: "mid",
    strategy: "one_for_one",
    children: () => [leaf.child([], { name: local("orphan_leaf") })],
  });
  const root = await supervisor({
    name: "root",
    strategy: "one_for_one",
    intensity: 1,
    children: () => [mid.child([], { name: local("orphan_mid") })],
  }).start();
  const old = whereis(local("orphan_leaf"));
  const again = nextStart("mid");
  exit(whereis(local("orphan_mid")) as never, "kill");
  await again;
  expect(isAlive(root.pid)).toBe(true);
  expect(whereis(local("orphan_leaf"))).not.toBe(old);
  const ended = monitor(root.pid);
  await root.stop();
  await ended;
});

test("nameOf names each dynamic child after its arguments, again after a restart", async () => {
  const Room = genServer({
    name: "room",
    init: (topic: string) => topic,
    calls: { topic: ({ state }) => reply(state) },
  });
  const nameOf = (topic: string): Name => local(`room of ${topic}`);
  const rooms = await dynamicSupervisor(Room, { nameOf, intensity: 3 }).start();
  await rooms.startChild("sport");
  const again = nextStart("room");
  exit(whereis(nameOf("sport")) as never, "kill");
  await again;
  expect(await Room.at(nameOf("sport")).call.topic()).toBe("sport");
  await rooms.stop();
});
