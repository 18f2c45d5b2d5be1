import { expect, test } from "vitest";
import { type Happened, rungsOf, type Standing } from "./rung.ts";

const one: Standing = { restarts: { a: 0 }, supervisorRestarts: 0, roomPod: "a" };
const three: Standing = { restarts: { a: 0, b: 0, c: 0 }, supervisorRestarts: 0, roomPod: "a" };
const happened = (before: Standing, after: Partial<Standing>, more: Partial<Happened> = {}): Happened => ({
  before,
  after: { ...before, ...after },
  isHealed: true,
  isNoticed: false,
  ...more,
});

test("where nothing was changed and nobody noticed there was nothing to do", () => {
  expect(rungsOf(happened(one, {}))).toEqual([]);
});

test("an error that somebody was told of, and nothing else, was caught by a handler", () => {
  expect(rungsOf(happened(one, {}, { isNoticed: true }))).toEqual(["handler"]);
});

test("restarts of processes are a supervisor's, those of containers the kubelet's", () => {
  expect(rungsOf(happened(one, { supervisorRestarts: 2 }))).toEqual(["supervisor"]);
  expect(rungsOf(happened(one, { restarts: { a: 1 } }, { isNoticed: true }))).toEqual(["container restarted"]);
});

test("a room that is elsewhere among several was taken over, and its pod's container was restarted besides", () => {
  const after = { restarts: { a: 1, b: 0, c: 0 }, roomPod: "b" };
  expect(rungsOf(happened(three, after))).toEqual(["another node", "container restarted"]);
});

test("a pod that is not there any more was replaced, and what supervisors count began anew", () => {
  expect(rungsOf(happened(one, { restarts: { b: 0 }, roomPod: "b", supervisorRestarts: 9 }))).toEqual(["pod replaced"]);
});

test("pods that a new version replaces are no failure", () => {
  const after = { restarts: { b: 0 }, roomPod: "b" };
  expect(rungsOf(happened(one, after, { planned: "rolling update" }))).toEqual(["rolling update"]);
});

test("a bad version is refused where the old pods stay, and not where they have gone", () => {
  expect(rungsOf(happened(one, { restarts: { a: 0, bad: 4 } }, { planned: "bad version" }))).toEqual([
    "rollout refused",
  ]);
  expect(rungsOf(happened(one, { restarts: { bad: 4 } }, { planned: "bad version", isHealed: false }))).toEqual([
    "nobody",
  ]);
});
