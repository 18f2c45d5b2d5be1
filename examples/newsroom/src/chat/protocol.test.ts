import { describe, expect, test } from "vitest";
import { readFrame } from "./protocol.ts";

describe("a visitor's frame", () => {
  test("that joins or says something is read", () => {
    expect(readFrame('{"type":"join","room":"town-square","name":"  Ada  "}')).toEqual({
      type: "join",
      room: "town-square",
      name: "Ada",
    });
    expect(readFrame('{"type":"say","text":" Good morning "}')).toEqual({ type: "say", text: "Good morning" });
  });

  test.each([
    ["is binary", undefined],
    ["is not JSON", "{"],
    ["is no object", "7"],
    ["is of no known type", '{"type":"shout","text":"x"}'],
    ["says nothing", '{"type":"say","text":"   "}'],
    ["says too much", JSON.stringify({ type: "say", text: "x".repeat(501) })],
    ["names a room that is a path", '{"type":"join","room":"../etc","name":"Ada"}'],
    ["has a name of invisible characters", '{"type":"join","room":"towpath","name":"\\u202e\\u0007"}'],
  ])("that %s is refused with a code and a hint", (_what, frame) => {
    expect(readFrame(frame)).toMatchObject({
      type: "notice",
      code: "NEWSROOM_CHAT_BAD_MESSAGE",
      hint: expect.stringContaining("join"),
    });
  });

  test("cannot carry characters that turn a line of text around", () => {
    expect(readFrame('{"type":"join","room":"towpath","name":"A\\u202ed\\u0000a"}')).toMatchObject({ name: "Ada" });
  });
});
