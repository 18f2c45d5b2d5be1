/** Certificates as `make-certs.sh` beside the Erlang programs makes them: one authority, one certificate for every node. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CreateNodeOptions } from "@interlock/cluster";

type Credentials = ReturnType<NonNullable<CreateNodeOptions["tls"]>>;

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const EXTENSIONS = `subjectAltName=IP:127.0.0.1,DNS:127.0.0.1,DNS:localhost
extendedKeyUsage=serverAuth,clientAuth
keyUsage=digitalSignature
basicConstraints=CA:FALSE
`;

/** Makes them in a folder that is gone when this program ends. @returns the folder. */
export function makeCertificates(): string {
  const folder = mkdtempSync(join(tmpdir(), "interlock-bench-tls-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: readonly string[]): unknown =>
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  writeFileSync(join(folder, "extensions"), EXTENSIONS);
  openssl("req", "-x509", ...KEY, "-days", "2", "-subj", "/CN=bench-ca", "-keyout", "ca.key", "-out", "ca.pem");
  openssl("req", ...KEY, "-subj", "/CN=127.0.0.1", "-keyout", "node.key", "-out", "node.csr");
  const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "node.csr", ...signing, "-out", "node.pem");
  return folder;
}

export function credentialsIn(folder: string): Credentials {
  const text = (file: string): string => readFileSync(join(folder, file), "utf8");
  return { key: text("node.key"), cert: text("node.pem"), ca: text("ca.pem") };
}
