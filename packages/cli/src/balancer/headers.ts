/** Headers on their way through the balancer. Pure. */

/** For one connection alone (RFC 9110, 7.6.1): each side of the balancer has its own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export const NODE_HEADER = "x-interlock-node";
const NODE_COOKIE = "interlock-node";

/** Values by name; several where a header came several times. */
export type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** What goes through, whichever way. */
export function endToEnd(headers: Headers): Record<string, string | string[]> {
  const named = new Set((headers["connection"] ?? []).flatMap((value) => value.toLowerCase().split(/\s*,\s*/)));
  const passed: Record<string, string | string[]> = {};
  for (const [name, values = []] of Object.entries(headers)) {
    const [first] = values;
    if (first === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    passed[name] = values.length === 1 ? first : [...values];
  }
  return passed;
}

export interface Visitor {
  readonly address: string | undefined;
  readonly host: string | undefined;
}

/** What a node is asked with. The balancer is the edge: what visitors claim to have been forwarded from does not count. */
export function toUpstream(headers: Headers, { address, host }: Visitor): Record<string, string | string[]> {
  const claims = /^(expect|forwarded|x-forwarded-.*|x-interlock-node)$/;
  const passed = Object.entries(endToEnd(headers)).filter(([name]) => !claims.test(name));
  return {
    ...Object.fromEntries(passed),
    "x-forwarded-for": address ?? "unknown",
    "x-forwarded-proto": "http",
    ...(host !== undefined && { "x-forwarded-host": host }),
  };
}

/** The node that the request names: by a header strictly, by a cookie if it is there. Meant for tests. */
export function wishOf(headers: Headers): { readonly only?: string | undefined; readonly rather?: string | undefined } {
  const cookies = (headers["cookie"] ?? []).flatMap((value) => value.split(/;\s*/));
  const cookie = cookies.find((one) => one.startsWith(`${NODE_COOKIE}=`))?.slice(NODE_COOKIE.length + 1);
  return { only: headers[NODE_HEADER]?.[0], rather: cookie };
}
