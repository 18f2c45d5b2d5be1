/** A certificate for 127.0.0.1, in PEM. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function made(): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "interlock-drain-"));
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const name = ["-subj", "/CN=a", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...curve, "-nodes", "-days", "2", ...name, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const texts = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  rmSync(folder, { recursive: true });
  return texts;
}

export const certificate = made();
