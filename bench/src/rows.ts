/**
 * What is measured, and what it has to reach: the thresholds of the project's speed goals, each in one line. A row has one of
 * four measures:
 *
 * - `beam`: against a row of the Erlang programs in the same run. `atLeast` is how many times better ours has to be.
 * - `limit`: against a figure that is written here. The ratio is limit / ours (of a share: ours / 1), so 1 meets it.
 * - `beside`: against a program for Node.js without Interlock, in the same run.
 * - `peers`: against the best of the Node.js peers that have a mailbox, in the same run.
 */

export interface Row {
  readonly name: string;
  readonly unit: string;
  /** A rate grows when it gets better, a time or a size shrinks. */
  readonly better: "higher" | "lower";
  readonly atLeast: number;
  /** The file in `ours/`, and the program in it, which prints a figure named `figure`. */
  readonly file: string;
  readonly program: string;
  readonly figure: string;
  readonly measure: Measure;
  /** Left out of a quick run: the other side takes minutes. */
  readonly slow?: true;
}

export type Measure =
  | {
      readonly against: "beam";
      readonly group: string;
      readonly figure: string;
      /** Whether core runs in it, so that it is measured without containment too. */
      readonly contained: boolean;
    }
  /** `shown` is a row of BEAM that the table prints beside ours, for comparison only. */
  | {
      readonly against: "limit";
      readonly limit: number;
      readonly shown?: { readonly group: string; readonly figure: string };
    }
  /** `file` in `beside/`, with a program of the name `program`; `name` is who stands in the table. */
  | {
      readonly against: "beside";
      readonly file: string;
      readonly program: string;
      readonly figure: string;
      readonly name: string;
    }
  | { readonly against: "peers"; readonly figure: PeerFigure };

export type PeerFigure = "cast" | "call_seq" | "call_100" | "start" | "bytes";

export const peers: readonly string[] = ["nact", "effect", "xstate", "comedy", "moleculer"];

/** The peers whose actors have a mailbox; in the others a message is a method call. */
export const mailboxPeers: readonly string[] = ["nact", "effect"];

/** What containment may cost at most: time with it on, divided by time with it off. */
export const containmentLimit = 1.5;

/** How many nodes the mesh of the Erlang program has beside the one that starts them. */
export const MESH_NODES = 40;
export const QUICK_MESH_NODES = 10;

const rate = { unit: "ops/s", better: "higher" } as const;
const time = (unit: "us" | "ms") => ({ unit, better: "lower" }) as const;

function beam(
  name: string,
  kind: { readonly unit: string; readonly better: "higher" | "lower" },
  atLeast: number,
  file: string,
  group: string,
  more: { readonly program?: string; readonly figure?: string } = {},
): Row {
  const measure = { against: "beam", group, figure: more.figure ?? name, contained: true } as const;
  return { name, ...kind, atLeast, file, program: more.program ?? name, figure: name, measure };
}

/** Encoding or decoding one of the terms of BEAM's group `etf`. */
function term(name: string, atLeast: number): Row {
  const measure = { against: "beam", group: "etf", figure: name, contained: false } as const;
  return { name, ...rate, atLeast, file: "terms", program: "etf", figure: name, measure };
}

/** Two nodes on loopback, beside BEAM's; `beamFigure` is its name there, with its group. */
function distribution(
  name: string,
  kind: { readonly unit: string; readonly better: "higher" | "lower" },
  atLeast: number,
  beamFigure: string,
): Row {
  const tls = name.startsWith("dist_tls_");
  const measure = { against: "beam", group: tls ? "tls" : "dist", figure: beamFigure, contained: false } as const;
  return { name, ...kind, atLeast, file: "distribution", program: tls ? "dist_tls" : "dist", figure: name, measure };
}

/** The messages of `dist_send_*`, beside the same bytes over a plain socket. */
function socket(name: string, figure: string): Row {
  const size = name.split("_").at(-1);
  const measure = { against: "beside", file: "node-net", program: "raw", figure, name: "node:net" } as const;
  return {
    name,
    ...messages,
    atLeast: 0.8,
    file: "distribution",
    program: "dist",
    figure: `dist_send_${size}`,
    measure,
  };
}

/** So many nodes as processes, beside BEAM's with `global`. */
function mesh(name: string): Row {
  const measure = { against: "beam", group: "mesh", figure: "mesh_full_mesh", contained: false } as const;
  return { name, ...time("ms"), atLeast: 0.5, file: "mesh", program: "mesh", figure: name, measure };
}

const messages = { unit: "msgs/s", better: "higher" } as const;

function limit(
  name: string,
  unit: string,
  most: number,
  file: string,
  shown?: { readonly group: string; readonly figure: string },
): Row {
  const measure = { against: "limit", limit: most, ...(shown === undefined ? {} : { shown }) } as const;
  return { name, unit, better: "lower", atLeast: 1, file, program: name, figure: name, measure };
}

function peer(
  name: string,
  figure: PeerFigure,
  atLeast: number,
  ours: { readonly file: string; readonly program?: string; readonly figure: string },
): Row {
  const kind = figure === "bytes" ? ({ unit: "bytes", better: "lower" } as const) : rate;
  return { name, ...kind, atLeast, program: ours.figure, ...ours, measure: { against: "peers", figure } };
}

export const rows: readonly Row[] = [
  beam("gen_server_call_seq", rate, 3, "calls", "call_seq"),
  beam("gen_server_call_seq_await", rate, 1, "calls", "call_seq", { figure: "gen_server_call_seq" }),
  beam("gen_server_call_100_callers_one_server", rate, 3, "calls", "call_conc"),
  beam("gen_server_cast", rate, 1.5, "casts", "cast_tput"),
  beam("ring_1000_hop", rate, 2.5, "ring", "ring"),
  beam("pingpong_rtt", rate, 1, "plain", "pingpong"),
  beam("simple_one_for_one_start_child", rate, 3, "supervision", "sup_10k", { program: "simple_one_for_one" }),
  beam("spawn_monitor_exit_down", rate, 1.5, "plain", "spawn_rate"),
  beam("supervisor_restart_latency_p50", time("us"), 1, "supervision", "sup_restart"),
  beam("simple_one_for_one_restart_10k", time("ms"), 10, "supervision", "sup_10k", { program: "simple_one_for_one" }),
  beam("supervisor_shutdown_10k_children", time("ms"), 1, "supervision", "sup_10k", { program: "simple_one_for_one" }),
  beam("pg_broadcast_10k_no_acks", { unit: "deliveries/s", better: "higher" }, 1.5, "subscribers", "pg_bcast"),
  beam("selective_receive_10k_deep", rate, 1, "mailbox", "selective"),
  beam("gen_server_call_with_10k_deep_mailbox", rate, 1, "mailbox", "selective"),
  beam("ex_registry_lookup_unique", rate, 1, "subscribers", "elixir"),

  term("etf_encode_tuple_small", 0.5),
  term("etf_decode_tuple_small", 0.5),
  term("etf_encode_gen_call", 0.5),
  term("etf_decode_gen_call", 0.5),
  term("etf_encode_map20", 0.7),
  term("etf_decode_map20", 0.7),
  term("etf_encode_binary10k", 0.7),
  term("etf_decode_binary10k", 0.7),
  term("etf_encode_list1000ints", 0.7),
  term("etf_decode_list1000ints", 0.7),

  distribution("dist_connect_p50", time("us"), 0.5, "dist_tcp_connect_p50"),
  distribution("dist_call_seq", rate, 0.9, "dist_tcp_gen_server_call_seq"),
  distribution("dist_call_100_callers", rate, 2, "dist_tcp_gen_server_call_100_callers"),
  distribution("dist_send_small", messages, 2, "dist_tcp_send_small"),
  distribution("dist_send_1kb", messages, 1.5, "dist_tcp_send_1kb"),
  distribution("dist_send_64kb", messages, 0.5, "dist_tcp_send_64kb"),
  distribution("dist_send_1mb", messages, 0.5, "dist_tcp_send_1mb"),
  ...["1kb", "64kb", "1mb"].flatMap((size) => [
    socket(`socket_sends_${size}`, `raw_send_${size}`),
    socket(`socket_delivers_${size}`, `raw_whole_${size}`),
  ]),
  {
    ...limit("dist_nodedown_after_kill9", "us", 20_000, "distribution", {
      group: "dist",
      figure: "dist_tcp_nodedown_after_kill9_p50",
    }),
    program: "dist",
  },
  distribution("dist_tls_connect_p50", time("us"), 0.5, "dist_tls_connect_p50"),
  distribution("dist_tls_send_small", messages, 1, "dist_tls_send_small"),
  distribution("dist_tls_send_1kb", messages, 1, "dist_tls_send_1kb"),
  { ...distribution("dist_tls_send_64kb", messages, 0.5, "dist_tls_send_64kb"), slow: true },
  mesh("mesh_full"),
  mesh("cluster_full"),
  {
    name: "grpc_call_100_callers",
    ...rate,
    atLeast: 3,
    file: "distribution",
    program: "dist",
    figure: "dist_call_100_callers",
    measure: { against: "beside", file: "grpc", program: "grpc", figure: "grpc_call_100_callers", name: "grpc-js" },
  },

  limit("mem_per_idle_gen_server", "bytes", 500, "memory", {
    group: "mem_idle",
    figure: "mem_per_idle_gen_server_total_100k",
  }),
  limit("rss_1m_idle_processes", "MB", 700, "memory"),
  limit("import_core", "ms", 30, "import-time"),
  limit("event_loop_delay_p99_saturated", "ms", 5, "saturation"),
  limit("tcp_echo_p99_saturated", "ms", 10, "saturation"),
  { ...limit("timer_ticks_saturated", "of idle", 1, "saturation"), better: "higher", atLeast: 0.95 },

  peer("peers_call_seq", "call_seq", 1.5, { file: "calls", figure: "gen_server_call_seq" }),
  peer("peers_call_100_callers", "call_100", 1.5, { file: "calls", figure: "gen_server_call_100_callers_one_server" }),
  peer("peers_cast", "cast", 1.5, { file: "casts", figure: "gen_server_cast" }),
  peer("peers_start", "start", 2, {
    file: "supervision",
    program: "simple_one_for_one",
    figure: "simple_one_for_one_start_child",
  }),
  peer("peers_bytes_per_idle_actor", "bytes", 2, { file: "memory", figure: "mem_per_idle_gen_server" }),
];
