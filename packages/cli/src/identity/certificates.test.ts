import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { expect, test } from "vitest";
import { CERTIFICATE_MS, isGood, issueCertificate, type KeyPair, makeAuthority } from "./certificates.ts";

const name = "shop-nodes.prod.svc.cluster.local";
const nowMs = Date.now();

/** Whether two nodes talk to each other, each with its certificate and the authorities that it takes. */
async function talk(one: KeyPair, other: KeyPair, taken: readonly KeyPair[]): Promise<string> {
  const ca = taken.map(({ cert }) => cert).join("");
  const both = { ca, minVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: true } as const;
  const server = createServer({ ...one, ...both }, (socket) => socket.end("hello"));
  const refused = new Promise<string>((resolve) => server.on("tlsClientError", ({ message }) => resolve(message)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connect({ ...other, ...both, host: "127.0.0.1", port, servername: name });
  const heard = new Promise<string>((resolve) => {
    socket.on("data", (data) => resolve(String(data)));
    socket.on("error", ({ message }) => resolve(message));
  });
  const said = await Promise.race([heard, refused]);
  socket.destroy();
  server.close();
  return said;
}

test("two nodes of one authority talk over TLS 1.3, and it is asked of both", async () => {
  const authority = await makeAuthority("shop", nowMs);
  const shared = await issueCertificate(authority, [name], nowMs);
  expect(await talk(shared, shared, [authority])).toBe("hello");
  const stranger = await issueCertificate(await makeAuthority("shop", nowMs), [name], nowMs);
  expect(await talk(shared, stranger, [authority])).not.toBe("hello");
  expect(await talk(stranger, shared, [authority])).not.toBe("hello");
});

test("while the authority changes, nodes with certificates of either one talk to each other, in both orders of trust", async () => {
  const [old, fresh] = [await makeAuthority("shop", nowMs), await makeAuthority("shop", nowMs)];
  const [before, after] = [await issueCertificate(old, [name], nowMs), await issueCertificate(fresh, [name], nowMs)];
  for (const taken of [
    [old, fresh],
    [fresh, old],
  ]) {
    expect(await talk(before, after, taken)).toBe("hello");
    expect(await talk(after, before, taken)).toBe("hello");
  }
});

test("a certificate is good as long as its authority is the one, its names are, and a third of its time is left", async () => {
  const authority = await makeAuthority("shop", nowMs);
  const { cert } = await issueCertificate(authority, [name], nowMs);
  expect(isGood(cert, authority, [name], nowMs)).toBe(true);
  expect(isGood(cert, authority, ["bank-nodes.prod.svc.cluster.local"], nowMs)).toBe(false);
  expect(isGood(cert, await makeAuthority("shop", nowMs), [name], nowMs)).toBe(false);
  expect(isGood(cert, authority, [name], nowMs + (CERTIFICATE_MS * 2) / 3 + 1)).toBe(false);
  const { validFromDate } = new X509Certificate(cert);
  // A machine whose clock is behind takes it as well.
  expect(validFromDate.getTime()).toBeLessThan(nowMs - 500_000);
});
