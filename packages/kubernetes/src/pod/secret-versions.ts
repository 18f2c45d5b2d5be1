/** Which writings of its cluster's Secrets a pod has: for whoever changes them step by step, and has to wait for all pods. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

export interface SecretVersions {
  readonly cookie?: string;
  readonly certificates?: string;
}

/** What stands beside the cookie and the certificates in the file `version`; nothing of what is secret. */
export function secretVersions(environment: Readonly<Record<string, string | undefined>>): SecretVersions {
  const { INTERLOCK_COOKIE_FILE: cookieFile, INTERLOCK_TLS_DIR: tlsDirectory } = environment;
  const cookie = cookieFile === undefined ? undefined : versionIn(dirname(cookieFile));
  const certificates = tlsDirectory === undefined ? undefined : versionIn(tlsDirectory);
  return { ...(cookie !== undefined && { cookie }), ...(certificates !== undefined && { certificates }) };
}

function versionIn(directory: string): string | undefined {
  try {
    return readFileSync(`${directory}/version`, "utf8").trim();
  } catch {
    // Of a Secret that was made in another way; then nobody can wait for it.
    return undefined;
  }
}
