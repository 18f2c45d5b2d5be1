/** Control messages to terms; the tuples are drawn in control-message.ts. Hot file: `bench` rows dist_*. */
import { atom } from "../term/atom.ts";
import type { TermWriter } from "../term/writer.ts";
import type { Between, ControlMessage, DownMessage, Traced } from "./control-message.ts";

const EMPTY = atom("");

/** Flags of ALTACT_SIG_SEND. */
const WITH_TOKEN = 2;
const TO_ALIAS = 4;
const TO_EXIT = 16;

/** Writes the tuple as a term, without the leading 131. `alternative`: the peer knows ALTACT_SIG_SEND. */
export function writeControl(writer: TermWriter, control: ControlMessage, alternative: boolean): void {
  switch (control.type) {
    case "SEND":
      header(writer, 2, 12, 3, control);
      writer.atom(EMPTY);
      writer.value(control.to);
      return token(writer, control);
    case "SEND_SENDER":
      return between(writer, 22, 23, control);
    case "ALIAS_SEND":
      // OTP 30 has no ALIAS_SEND any more.
      return alternative ? toAlias(writer, TO_ALIAS, control) : between(writer, 33, 34, control);
    case "ALIAS_EXIT2":
      return toAlias(writer, TO_ALIAS | TO_EXIT, control);
    case "PAYLOAD_EXIT":
      return between(writer, 24, 25, control);
    case "PAYLOAD_EXIT2":
      return between(writer, 26, 27, control);
    case "REG_SEND":
      header(writer, 6, 16, 4, control);
      writer.value(control.from);
      writer.atom(EMPTY);
      writer.atom(control.to);
      return token(writer, control);
    case "LINK":
      return between(writer, 1, 1, control);
    case "UNLINK":
      return between(writer, 4, 4, control);
    case "GROUP_LEADER":
      return between(writer, 7, 7, control);
    case "NODE_LINK":
      return header(writer, 5, 5, 1, {});
    case "UNLINK_ID":
      return unlink(writer, 35, control);
    case "UNLINK_ID_ACK":
      return unlink(writer, 36, control);
    case "EXIT":
      return exit(writer, 3, 13, control);
    case "EXIT2":
      return exit(writer, 8, 18, control);
    case "MONITOR_P":
      return monitor(writer, 19, 4, control);
    case "DEMONITOR_P":
      return monitor(writer, 20, 4, control);
    case "MONITOR_P_EXIT":
      monitor(writer, 21, 5, control);
      return writer.term(control.reason);
    case "PAYLOAD_MONITOR_P_EXIT":
      return monitor(writer, 28, 4, control);
    case "SPAWN_REQUEST":
      header(writer, 29, 30, 6, control);
      writer.value(control.ref);
      writer.value(control.from);
      writer.value(control.groupLeader);
      writer.tupleHeader(3);
      writer.atom(control.module);
      writer.atom(control.function);
      writer.integer(control.arity);
      writer.term(control.options);
      return token(writer, control);
    case "SPAWN_REPLY":
      header(writer, 31, 32, 5, control);
      writer.value(control.ref);
      writer.value(control.to);
      writer.integer(control.flags);
      writer.value(control.result);
      return token(writer, control);
  }
}

/** `traced` is the number of the form with a token, where there is one. */
function header(writer: TermWriter, plain: number, traced: number, arity: number, control: Traced): void {
  const isTraced = control.token !== undefined;
  writer.tupleHeader(isTraced ? arity + 1 : arity);
  writer.integer(isTraced ? traced : plain);
}

function token(writer: TermWriter, control: Traced): void {
  if (control.token !== undefined) writer.term(control.token);
}

function between(writer: TermWriter, plain: number, traced: number, control: Between & Traced): void {
  header(writer, plain, traced, 3, control);
  writer.value(control.from);
  writer.value(control.to);
  token(writer, control);
}

/** ALTACT_SIG_SEND. */
function toAlias(writer: TermWriter, flags: number, control: Between & Traced): void {
  const isTraced = control.token !== undefined;
  writer.tupleHeader(isTraced ? 5 : 4);
  writer.integer(37);
  writer.integer(isTraced ? flags | WITH_TOKEN : flags);
  writer.value(control.from);
  writer.value(control.to);
  token(writer, control);
}

function exit(
  writer: TermWriter,
  plain: number,
  traced: number,
  control: Between & Traced & { readonly reason: unknown },
): void {
  header(writer, plain, traced, 4, control);
  writer.value(control.from);
  writer.value(control.to);
  token(writer, control);
  writer.term(control.reason);
}

function unlink(writer: TermWriter, number: number, control: Between & { readonly id: bigint }): void {
  writer.tupleHeader(4);
  writer.integer(number);
  writer.integer(control.id);
  writer.value(control.from);
  writer.value(control.to);
}

function monitor(writer: TermWriter, number: number, arity: number, control: DownMessage): void {
  writer.tupleHeader(arity);
  writer.integer(number);
  writer.value(control.from);
  writer.value(control.to);
  writer.value(control.ref);
}
