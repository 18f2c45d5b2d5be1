/** The public names of @interlock/wire, and nothing else. */

export { Connection, type ConnectionOptions } from "./distribution/connection.ts";
export type { ControlMessage } from "./distribution/control-message.ts";
export { HIDDEN_NODE_FLAGS, VISIBLE_NODE_FLAGS } from "./distribution/flags.ts";
export type { ReassemblyLimits } from "./distribution/fragment.ts";
export {
  type Established,
  type Handshake,
  type HandshakeEvent,
  type HandshakeOptions,
  type HandshakeStep,
  type Standing,
  startHandshake,
} from "./distribution/handshake.ts";
export type { MessageSink, Payload } from "./distribution/message-reader.ts";
export { type EpmdConnection, EpmdRegistry, type EpmdRegistryOptions, type EpmdReply } from "./epmd/registry.ts";
export { type EpmdNode, type EpmdRequest, EpmdRequestReader, encodeEpmdRequest } from "./epmd/request.ts";
export {
  type EpmdName,
  type EpmdRegistered,
  type EpmdResponse,
  EpmdResponseReader,
  readAlive2Response,
  readNamesResponse,
  readPort2Response,
} from "./epmd/response.ts";
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
  NativeRecord,
  Port,
  Tuple,
  tuple,
} from "./term/erlang.ts";
export type { TermLimits } from "./term/limits.ts";
export { type ReaderOptions, TermReader } from "./term/reader.ts";
export { type Profile, TermWriter, type WriterOptions } from "./term/writer.ts";
