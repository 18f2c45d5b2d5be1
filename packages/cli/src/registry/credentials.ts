/** Who to be to a registry: what `docker login` has left, in its file or with the helper that keeps it. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { registryFailure } from "./failure.ts";

export type Credentials =
  | { readonly type: "password"; readonly user: string; readonly password: string }
  /** To be changed for a token of an hour. */
  | { readonly type: "identity"; readonly token: string };

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** Docker's registry has another name in that file. */
const DOCKER_HUB = "https://index.docker.io/v1/";

/** Undefined: nobody in particular. **Errors** `INTERLOCK_REGISTRY` when the file cannot be read, or a helper fails. */
export async function credentialsFor(registry: string): Promise<Credentials | undefined> {
  const path = join(process.env["DOCKER_CONFIG"] || join(homedir(), ".docker"), "config.json");
  const failed = (problem: string, cause?: unknown) =>
    registryFailure(registry, { request: `credentials of ${path}`, problem, cause });
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw failed(`it cannot be read: ${error.code}`, error);
  });
  const config = objectIn(text);
  if (config === undefined) throw failed("it holds no object of JSON");
  return credentialsIn(config, registry, (name, server) => askHelper(registry, name, server));
}

/** Undefined for anything else; the error of JSON.parse holds a piece of the text, which may be a secret. */
function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

type Helper = (name: string, server: string) => Promise<{ readonly Username: string; readonly Secret: string }>;

/** Pure but for the helper. */
export async function credentialsIn(
  { auths = {}, credHelpers = {}, credsStore }: DockerConfig,
  registry: string,
  helper: Helper,
): Promise<Credentials | undefined> {
  const names = registry === "registry-1.docker.io" ? [DOCKER_HUB, "docker.io"] : [registry, `https://${registry}`];
  const known = names.find((name) => credHelpers[name] !== undefined || auths[name] !== undefined);
  const program =
    (known === undefined ? undefined : credHelpers[known]) ?? (known === undefined ? undefined : credsStore);
  if (known !== undefined && program !== undefined) {
    const { Secret: secret, Username: user } = await helper(program, known);
    return user === "<token>" ? { type: "identity", token: secret } : { type: "password", user, password: secret };
  }
  const { auth, identitytoken: token } = (known === undefined ? undefined : auths[known]) ?? {};
  if (token) return { type: "identity", token };
  // As a file of somebody's own making may have it: the error of whoever decodes a number shows it.
  if (typeof auth !== "string" || auth === "") return undefined;
  const [user = "", ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
  return { type: "password", user, password: password.join(":") };
}

/**
 * Of what it prints nothing is repeated, to either stream: it prints secrets.
 * @see https://github.com/docker/docker-credential-helpers
 */
function askHelper(registry: string, name: string, server: string): ReturnType<Helper> {
  const program = `docker-credential-${name}`;
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Helper>>>();
  const failed = (problem: string): void => reject(registryFailure(registry, { request: `${program} get`, problem }));
  const child = execFile(program, ["get"], (error, stdout) => {
    if (error?.code === "ENOENT") return failed("there is no such program in the PATH");
    if (error !== null) return failed(`it gives nothing for ${server}: it ended with ${error.signal ?? error.code}`);
    const { Secret, Username } = objectIn(stdout) ?? {};
    if (typeof Secret === "string" && typeof Username === "string") return resolve({ Secret, Username });
    failed("its answer is no JSON of a Username and a Secret");
  });
  child.stdin?.on("error", () => undefined).end(server);
  return promise;
}
