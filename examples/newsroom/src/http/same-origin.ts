/** A page of another site must not press this one's buttons: what changes something has to come from our own pages. */
import type { IncomingMessage } from "node:http";
import type { MiddlewareHandler } from "hono";
import { Refusal } from "./refusal.ts";

export const refuseForeignOrigins: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== "GET" && c.req.method !== "HEAD" && isForeign(c.req.header("origin"), c.req.header("host"))) {
    throw new Refusal(
      403,
      "NEWSROOM_FOREIGN_ORIGIN",
      "This request comes from another site's page.",
      "Use the newsroom's own pages, or a client that sends no Origin.",
    );
  }
  await next();
};

export function isForeignUpgrade(request: IncomingMessage): boolean {
  return isForeign(request.headers.origin, request.headers.host);
}

/** Programs send no Origin; browsers do whenever it matters. */
function isForeign(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
