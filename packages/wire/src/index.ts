/** The public names of @interlock/wire, and nothing else. */

export { type HandshakeProblem, WireError, type WireErrorCode, type WireErrorDetails, wireHints } from "./errors.ts";
export { Atom, atom } from "./term/atom.ts";
export { decode, encode } from "./term/codec.ts";
export {
  Binary,
  BitString,
  Charlist,
  ErlangPid,
  ErlangReference,
  Float,
  Fun,
  type Identities,
  ImproperList,
  Port,
  Tuple,
  tuple,
} from "./term/erlang.ts";
export type { TermLimits } from "./term/limits.ts";
export { type ReaderOptions, TermReader } from "./term/reader.ts";
export { type Profile, TermWriter, type WriterOptions } from "./term/writer.ts";
