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

/** The cookie that a node shows, and then those that it takes as well. A function is asked before every handshake. */
export type Cookies = readonly [string, ...string[]] | (() => Promise<readonly [string, ...string[]]>);

/**
 * Of a file each line is a cookie, and it is read again for every handshake: so a cookie is changed without a restart, by
 * having all nodes take both, then show the new one, then forget the old one. A file that cannot be read later on changes
 * nothing; `failed` is told, once for each reason.
 *
 * **Errors** `INTERLOCK_NODE_OPTION` when there is none, one that is empty or too long, or a file that others may read.
 */
export async function cookiesOf(
  given: string | CookieFile | undefined,
  source: CookieSource,
  failed: (error: Error) => void,
): Promise<Cookies> {
  if (typeof given === "string") return [checked(given, "cookie")];
  if (given === undefined) {
    const value = source.environment(VARIABLE);
    if (value !== undefined) return [checked(value, VARIABLE)];
    throw refused("cookie", "none", `an option, the environment variable ${VARIABLE} or { file }`);
  }
  let last = await readCookies(given, source);
  let problem: string | undefined;
  return async () => {
    try {
      last = await readCookies(given, source);
      problem = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== problem) failed(error as Error);
      problem = message;
    }
    return last;
  };
}

async function readCookies(
  { file, group = false }: CookieFile,
  source: CookieSource,
): Promise<readonly [string, ...string[]]> {
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
  const [first = "", ...others] = found.text.trim().split(/\s*\n\s*/);
  return [checked(first, "cookie.file"), ...others.map((other) => checked(other, "cookie.file"))];
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
