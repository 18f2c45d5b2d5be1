/**
 * Funs, which nothing here can call: they stay bytes that can be sent on. Only where they refer to the message's atom table
 * they are written anew, to stand alone.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist#new_fun_ext
 */
import { Fun } from "./erlang.ts";
import type { TermReader } from "./reader.ts";
import { TermWriter } from "./writer.ts";

/** The arity of a NEW_FUN_EXT, the MD5 of its module and its index. */
const NEW_FUN_FIXED_BYTES = 1 + 16 + 4;

/** Reads the fun whose tag, NEW_FUN_EXT, EXPORT_EXT or FUN_EXT, has just been read. */
export function readFun(reader: TermReader, tag: number): Fun {
  const start = reader.offset - 1;
  const before = reader.references;
  const writer = new TermWriter({ profile: "exact", limits: reader.limits });
  reader.exactly(() => {
    if (tag === 113) copyExport(reader, writer);
    else if (tag === 112) copyNewFun(reader, writer);
    else copyOldFun(reader, writer);
  });
  const alone = reader.references === before ? reader.slice(start, reader.offset - start) : writer.take();
  return new Fun(new Uint8Array(alone));
}

function copyExport(reader: TermReader, writer: TermWriter): void {
  writer.byte(113);
  writer.atom(reader.atom());
  writer.atom(reader.atom());
  const at = reader.offset;
  const arity = reader.value();
  if (typeof arity !== "number" || arity < 0 || arity > 255) reader.refuse("an external fun without an arity", at);
  writer.integer(arity);
}

function copyNewFun(reader: TermReader, writer: TermWriter): void {
  const start = reader.offset;
  const size = reader.uint32();
  writer.byte(112);
  writer.uint32(0);
  writer.raw(reader.slice(reader.skip(NEW_FUN_FIXED_BYTES), NEW_FUN_FIXED_BYTES));
  const free = reader.uint32();
  writer.uint32(free);
  writer.atom(reader.atom());
  copyTerms(reader, writer, 3, free);
  const read = reader.offset - start;
  if (read !== size) reader.refuse(`a fun of ${read} bytes that claims ${size}`, start);
  writer.setUint32(1, writer.length - 1);
}

function copyOldFun(reader: TermReader, writer: TermWriter): void {
  const free = reader.uint32();
  writer.byte(117);
  writer.uint32(free);
  copyTerms(reader, writer, 4, free);
}

function copyTerms(reader: TermReader, writer: TermWriter, some: number, more: number): void {
  reader.claim(more);
  for (let index = 0; index < some + more; index++) writer.value(reader.value());
}
