/** The shared secret of a cluster: an option, an environment variable, or a file that nobody else may read. */
import { ClusterError } from "../errors.ts";

export interface CookieSource {
  environment(name: string): string | undefined;
  /** The text of a file and its permission bits; undefined if there is none. */
  secretFile(path: string): Promise<{ readonly text: string; readonly mode: number } | undefined>;
}

/** Where a cookie is read from. */
export interface CookieFile {
  readonly file: string;
  /** Whether its group may read it, too: Kubernetes mounts a Secret like that for a program that is not root. Default false. */
  readonly group?: boolean;
}

const VARIABLE = "INTERLOCK_COOKIE";
const LONGEST = 255;

/**
 * **Errors** `INTERLOCK_NODE_OPTION` when there is none, one that is empty or too long, or a file that others may read.
 */
export async function cookieOf(given: string | CookieFile | undefined, source: CookieSource): Promise<string> {
  if (typeof given === "string") return checked(given, "cookie");
  if (given === undefined) {
    const value = source.environment(VARIABLE);
    if (value !== undefined) return checked(value, VARIABLE);
    throw refused("cookie", "none", `an option, the environment variable ${VARIABLE} or { file }`);
  }
  const { file, group = false } = given;
  const found = await source.secretFile(file);
  if (found === undefined) throw refused("cookie.file", `no file ${file}`, "a file that holds the cookie");
  if ((found.mode & (group ? 0o037 : 0o077)) !== 0)
    throw refused(
      "cookie.file",
      `${file} with mode 0${found.mode.toString(8)}`,
      group
        ? "a file that only its owner and its group may read: chmod 440"
        : "a file that only its owner may read: chmod 400",
    );
  return checked(found.text.trim(), "cookie.file");
}

function checked(cookie: string, option: string): string {
  if (typeof cookie === "string" && cookie !== "" && cookie.length <= LONGEST) return cookie;
  throw refused(
    option,
    typeof cookie === "string" ? `${cookie.length} characters` : typeof cookie,
    `1 to ${LONGEST} characters`,
  );
}

/** Never with the cookie itself: messages end up in logs. */
function refused(option: string, got: string, expected: string): ClusterError<"INTERLOCK_NODE_OPTION"> {
  return new ClusterError("INTERLOCK_NODE_OPTION", `Bad ${option}: got ${got}, expected ${expected}`, {
    option,
    got,
    expected,
  });
}
