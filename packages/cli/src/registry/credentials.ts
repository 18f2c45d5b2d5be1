/** Who to be to a registry: what `docker login` has left, in its file or with the helper that keeps it. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

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

/** Undefined: nobody in particular. Rejects when the file cannot be read, or a helper fails. */
export async function credentialsFor(registry: string): Promise<Credentials | undefined> {
  const path = join(process.env["DOCKER_CONFIG"] || join(homedir(), ".docker"), "config.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  return credentialsIn(JSON.parse(text) as DockerConfig, registry, askHelper);
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
  if (!auth) return undefined;
  const [user = "", ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
  return { type: "password", user, password: password.join(":") };
}

/** @see https://github.com/docker/docker-credential-helpers */
const askHelper: Helper = (name, server) =>
  new Promise((resolve, reject) => {
    const child = execFile(`docker-credential-${name}`, ["get"], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout) as Awaited<ReturnType<Helper>>);
      else reject(new Error(`docker-credential-${name} has nothing for ${server}: ${stdout.trim() || error.message}`));
    });
    child.stdin?.on("error", () => undefined).end(server);
  });
