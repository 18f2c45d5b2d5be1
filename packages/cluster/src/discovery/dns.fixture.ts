/** A name server on loopback, over UDP and TCP on one port, that says what the test wants. RFC 1035; SRV: RFC 2782. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server } from "node:net";

export type DnsRecord =
  | { readonly type: "A"; readonly address: string }
  | { readonly type: "AAAA"; readonly address: string }
  | { readonly type: "SRV"; readonly target: string; readonly port: number };

/** What it answers. `silence`: nothing. `cut`: over UDP half of the records with TC set, over TCP all of them, if it may. */
export type DnsAnswer =
  | { readonly records: readonly DnsRecord[]; readonly cut?: "tcp" | "no tcp" }
  | "NXDOMAIN"
  | "SERVFAIL"
  | "REFUSED"
  | "silence"
  | "garbage";

const types = { A: 1, AAAA: 28, SRV: 33 } as const;
const rcodes = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const;
const AUTHORITATIVE_RESPONSE = 0x84;
const TRUNCATED = 0x02;

export class DnsServer implements AsyncDisposable {
  /** What was asked, as `A name`. */
  readonly asked: string[] = [];
  /** By `A name`; NXDOMAIN for all else. */
  readonly answers = new Map<string, DnsAnswer>();
  readonly #udp: UdpSocket;
  readonly #tcp: Server;

  private constructor(udp: UdpSocket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (query, { address, port }) => {
      const response = this.#answer(query, false);
      if (response !== undefined) udp.send(response, port, address);
    });
    tcp.on("connection", (socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes: Buffer) => {
        const response = this.#answer(bytes.subarray(2), true);
        if (response === undefined) return void socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        socket.write(Buffer.concat([length, response]));
      });
    });
  }

  static async start(): Promise<DnsServer> {
    const tcp = createServer();
    await new Promise<void>((resolve) => void tcp.listen(0, "127.0.0.1", resolve));
    const udp = createSocket("udp4");
    const { port } = tcp.address() as { port: number };
    await new Promise<void>((resolve) => void udp.bind(port, "127.0.0.1", resolve));
    return new DnsServer(udp, tcp);
  }

  get address(): string {
    return `127.0.0.1:${this.#udp.address().port}`;
  }

  #answer(query: Buffer, isTcp: boolean): Buffer | undefined {
    const { end, name, type } = questionIn(query);
    if (!isTcp) this.asked.push(`${type} ${name}`);
    const answer = this.answers.get(`${type} ${name}`) ?? "NXDOMAIN";
    if (answer === "silence") return undefined;
    if (answer === "garbage") return Buffer.concat([query.subarray(0, 2), Buffer.from([1, 2, 3])]);
    if (typeof answer === "string") return response(query, end, [], rcodes[answer], false);
    if (answer.cut === undefined || (isTcp && answer.cut === "tcp"))
      return response(query, end, answer.records, 0, false);
    if (isTcp) return undefined;
    return response(query, end, answer.records.slice(0, answer.records.length / 2), 0, true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }
}

function questionIn(query: Buffer): { readonly name: string; readonly type: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const code = query.readUInt16BE(at + 1);
  const type = Object.entries(types).find(([, one]) => one === code)?.[0] ?? String(code);
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 };
}

function response(query: Buffer, end: number, records: readonly DnsRecord[], rcode: number, isCut: boolean): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header[2] = AUTHORITATIVE_RESPONSE | (isCut ? TRUNCATED : 0);
  header[3] = rcode;
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end), ...records.map(recordBytes)]);
}

function recordBytes(record: DnsRecord): Buffer {
  const data = dataOf(record);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // The name of the question.
  head.writeUInt16BE(types[record.type], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(5, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function dataOf(record: DnsRecord): Buffer {
  if (record.type === "A") return Buffer.from(record.address.split(".").map(Number));
  if (record.type === "AAAA") return Buffer.from(ipv6Words(record.address).flatMap((word) => [word >> 8, word & 0xff]));
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(record.port, 4);
  const labels = record.target.split(".").filter((label) => label !== "");
  return Buffer.concat([
    numbers,
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.alloc(1),
  ]);
}

function ipv6Words(address: string): number[] {
  const [head = "", tail = ""] = address.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
