/**
 * How a registry wants to be shown who asks: a password, or a token that somebody else gives for one.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
import type { Credentials } from "./credentials.ts";

export interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly realm: string;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

/** As for Docker: whoever is there needs no certificate. `host`: with its port, if it has one. */
export function isThisMachine(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
}

/** What the header WWW-Authenticate says; undefined for what nobody here can do. */
export function challengeIn(header: string): Challenge | undefined {
  const [, scheme = "", rest = ""] = /^\s*(\w+)\s*(.*)$/s.exec(header) ?? [];
  const kind = scheme.toLowerCase();
  if (kind !== "basic" && kind !== "bearer") return undefined;
  const said = new Map(
    [...rest.matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)].map(([, name = "", quoted, plain]) => [
      name.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, "$1") ?? plain,
    ]),
  );
  return { scheme: kind, realm: said.get("realm") ?? "", service: said.get("service"), scope: said.get("scope") };
}

export function basic({ password, user }: Extract<Credentials, { readonly type: "password" }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Rejects when the realm gives none. */
export async function bearerToken(
  { realm, service }: Challenge,
  scope: string,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<string> {
  // A password is for whoever can show a certificate, or is this machine.
  const { host, protocol } = new URL(realm);
  if (protocol !== "https:" && !isThisMachine(host)) throw new Error(`${realm} wants a password without TLS`);
  const answer = await (credentials?.type === "identity"
    ? byIdentity(realm, service, scope, credentials.token, signal)
    : byPassword(realm, service, scope, credentials, signal));
  if (!answer.ok) throw new Error(`${host} gives no token for ${scope}: it answered ${answer.status}`);
  // The error of what is no JSON would hold a piece of the text, which may be a token.
  const answered = await answer.json().catch((error: unknown) => {
    if (error instanceof SyntaxError) return {};
    throw error;
  });
  const { access_token: access, token } = answered as { readonly token?: string; readonly access_token?: string };
  const given = token ?? access;
  if (given === undefined) throw new Error(`${host} has given no token`);
  return given;
}

function byPassword(
  realm: string,
  service: string | undefined,
  scope: string,
  credentials: Extract<Credentials, { readonly type: "password" }> | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  return fetch(url, { signal, headers: credentials === undefined ? {} : { authorization: basic(credentials) } });
}

function byIdentity(
  realm: string,
  service: string | undefined,
  scope: string,
  token: string,
  signal: AbortSignal,
): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: token,
    client_id: "interlock",
    scope,
  });
  if (service !== undefined) body.set("service", service);
  return fetch(realm, { method: "POST", signal, body });
}
