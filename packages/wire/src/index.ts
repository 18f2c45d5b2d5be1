/** The public names of @interlock/wire, and nothing else. */

export { type HandshakeProblem, WireError, type WireErrorCode, type WireErrorDetails, wireHints } from "./errors.ts";
export { Atom, atom } from "./term/atom.ts";
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
