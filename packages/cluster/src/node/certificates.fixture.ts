/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Credentials } from "../ports.ts";

export class Authority implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "interlock-certificates-"));
  #count = 0;

  constructor() {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    this.#openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.pem");
  }

  /** A certificate for both sides of a connection, for these names. */
  issue(...names: readonly string[]): Credentials {
    const name = `node-${++this.#count}`;
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    this.#openssl("req", ...key, "-subj", "/CN=node", "-keyout", `${name}.key`, "-out", `${name}.csr`);
    writeFileSync(
      join(this.#folder, "ext"),
      `subjectAltName=${names.join(",")}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
    );
    const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"];
    this.#openssl("x509", "-req", "-in", `${name}.csr`, ...signing, "-out", `${name}.pem`);
    const text = (file: string): string => readFileSync(join(this.#folder, file), "utf8");
    return { key: text(`${name}.key`), cert: text(`${name}.pem`), ca: text("ca.pem") };
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
