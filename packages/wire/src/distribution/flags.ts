/**
 * The flags of the handshake: what a node says it can do, 64 bits. Named as in OTP's `dist.hrl`, without their DFLAG_.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-flags
 */

const bit = (number: number): bigint => 1n << BigInt(number);

export const PUBLISHED: bigint = bit(0);
const EXTENDED_REFERENCES = bit(2);
const DIST_MONITOR = bit(3);
const FUN_TAGS = bit(4);
const DIST_MONITOR_NAME = bit(5);
const NEW_FUN_TAGS = bit(7);
const EXTENDED_PIDS_PORTS = bit(8);
const EXPORT_PTR_TAG = bit(9);
const BIT_BINARIES = bit(10);
const NEW_FLOATS = bit(11);
export const DIST_HDR_ATOM_CACHE: bigint = bit(13);
const SMALL_ATOM_TAGS = bit(14);
const UTF8_ATOMS = bit(16);
const MAP_TAG = bit(17);
const BIG_CREATION = bit(18);
export const SEND_SENDER: bigint = bit(19);
const BIG_SEQTRACE_LABELS = bit(20);
export const EXIT_PAYLOAD: bigint = bit(22);
export const FRAGMENTS: bigint = bit(23);
export const HANDSHAKE_23: bigint = bit(24);
const UNLINK_ID = bit(25);
/** Stands for all that OTP 25 requires. The documentation says bit 36; OTP's nodes set and look at bit 26. */
export const MANDATORY_25_DIGEST: bigint = bit(26);
export const SPAWN: bigint = bit(32);
/** The peer has no name yet and asks for one. */
export const NAME_ME: bigint = bit(33);
const V4_NC = bit(34);
const ALIAS = bit(35);
/** OTP 28: ALTACT_SIG_SEND in the place of ALIAS_SEND, for messages with priority, and for exit signals to an alias. */
export const ALTACT_SIG: bigint = bit(37);
/** OTP 29, which sends them to those as well that do not say so. */
export const NATIVE_RECORDS: bigint = bit(38);
/** Interlock's own: the node writes and reads values with marks (docs/decisions/0006-interlock-flag.md). */
export const INTERLOCK: bigint = bit(62);

/** What MANDATORY_25_DIGEST stands for. */
const MANDATORY_25 =
  EXTENDED_REFERENCES |
  FUN_TAGS |
  NEW_FUN_TAGS |
  EXTENDED_PIDS_PORTS |
  EXPORT_PTR_TAG |
  BIT_BINARIES |
  NEW_FLOATS |
  UTF8_ATOMS |
  MAP_TAG |
  BIG_CREATION |
  HANDSHAKE_23;

/** What a peer must have: what OTP 27 requires of its peers, and all nodes from OTP 25 on have. */
export const REQUIRED: bigint = MANDATORY_25 | UNLINK_ID | V4_NC;

/** What this package implements, for a node that is not to be seen by `nodes()` and `global`. */
export const HIDDEN_NODE_FLAGS: bigint =
  MANDATORY_25 |
  MANDATORY_25_DIGEST |
  DIST_MONITOR |
  DIST_MONITOR_NAME |
  DIST_HDR_ATOM_CACHE |
  SMALL_ATOM_TAGS |
  SEND_SENDER |
  BIG_SEQTRACE_LABELS |
  EXIT_PAYLOAD |
  FRAGMENTS |
  UNLINK_ID |
  SPAWN |
  V4_NC |
  ALIAS |
  ALTACT_SIG |
  NATIVE_RECORDS |
  INTERLOCK;

/** What this package implements, for a node that the others see. */
export const VISIBLE_NODE_FLAGS: bigint = HIDDEN_NODE_FLAGS | PUBLISHED;

/** The flags a peer means by those it sends. */
export function meantFlags(sent: bigint): bigint {
  return (sent & MANDATORY_25_DIGEST) === 0n ? sent : sent | MANDATORY_25;
}

const NAMES: readonly (readonly [bigint, string])[] = [
  [EXTENDED_REFERENCES, "EXTENDED_REFERENCES"],
  [FUN_TAGS, "FUN_TAGS"],
  [NEW_FUN_TAGS, "NEW_FUN_TAGS"],
  [EXTENDED_PIDS_PORTS, "EXTENDED_PIDS_PORTS"],
  [EXPORT_PTR_TAG, "EXPORT_PTR_TAG"],
  [BIT_BINARIES, "BIT_BINARIES"],
  [NEW_FLOATS, "NEW_FLOATS"],
  [UTF8_ATOMS, "UTF8_ATOMS"],
  [MAP_TAG, "MAP_TAG"],
  [BIG_CREATION, "BIG_CREATION"],
  [HANDSHAKE_23, "HANDSHAKE_23"],
  [UNLINK_ID, "UNLINK_ID"],
  [V4_NC, "V4_NC"],
];

/** The names of the required flags that are not among `flags`. */
export function missingFlags(flags: bigint): readonly string[] {
  return NAMES.filter(([flag]) => (flags & flag) === 0n).map(([, name]) => name);
}
