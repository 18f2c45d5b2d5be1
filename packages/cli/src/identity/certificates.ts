/** The authority of a cluster and the certificate that its nodes share. X.509 is a library's; elliptic curve P-256 throughout. */
import "reflect-metadata"; // That the library wants, before anything else of it is loaded.
import { X509Certificate as NodeCertificate } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { randomHex } from "./random.ts";

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_MS = 3_650 * DAY_MS;
export const CERTIFICATE_MS: number = 365 * DAY_MS;
/** Clocks of machines differ. */
const BACK_MS = 600_000;

/** An authority for one cluster. No two have the same name: nodes that trust an old and a new one tell them apart. */
export async function makeAuthority(cluster: string, nowMs: number): Promise<KeyPair> {
  const keys = await newKeys();
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [`Interlock ${cluster} ${randomHex(4)}`] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(nowMs, AUTHORITY_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pairOf(cert, keys.privateKey);
}

/** A certificate for both sides of a connection. `names`: of the DNS, the first is what nodes ask for. */
export async function issueCertificate(authority: KeyPair, names: readonly string[], nowMs: number): Promise<KeyPair> {
  const keys = await newKeys();
  const issuer = new X509Certificate(authority.cert);
  const [der] = PemConverter.decode(authority.key);
  const signingKey = await crypto.subtle.importKey("pkcs8", der as ArrayBuffer, ALGORITHM, false, ["sign"]);
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: "CN=Interlock node",
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    ...validity(nowMs, CERTIFICATE_MS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pairOf(cert, keys.privateKey);
}

/** Whether a certificate is signed by that authority, is for these names, and has more than a third of its time to go. */
export function isGood(cert: string, authority: KeyPair, names: readonly string[], nowMs: number): boolean {
  const given = new NodeCertificate(cert);
  const untilMs = given.validToDate.getTime();
  return (
    given.verify(new NodeCertificate(authority.cert).publicKey) &&
    names.every((name) => given.checkHost(name) !== undefined) &&
    untilMs - nowMs > CERTIFICATE_MS / 3
  );
}

function newKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function pairOf(cert: X509Certificate, key: CryptoKey): Promise<KeyPair> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", key);
  return { cert: `${cert.toString("pem")}\n`, key: `${PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag)}\n` };
}

function validity(nowMs: number, forMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(nowMs - BACK_MS), notAfter: new Date(nowMs + forMs) };
}

/** Positive, as an INTEGER of DER has to be. */
function serial(): string {
  const bytes = Buffer.from(randomHex(16), "hex");
  bytes[0] = (bytes[0] ?? 0) & 0x7f || 1;
  return bytes.toString("hex");
}
