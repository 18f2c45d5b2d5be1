/** What the newsroom does not do, as the client is told: a status, a stable code, what is wrong, and what to do. */
import { isError } from "@interlock/core";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isBeingRestarted } from "../being-restarted.ts";

export class Refusal extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly hint: string;
  constructor(status: ContentfulStatusCode, code: string, message: string, hint: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  toJSON(): { code: string; message: string; hint: string } {
    return { code: this.code, message: this.message, hint: this.hint };
  }
}

/** Any error as a refusal; undefined for one that is nobody's fault but ours. */
export function asRefusal(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (isError(error, "INTERLOCK_MAX_CHILDREN"))
    return new Refusal(
      503,
      "NEWSROOM_FULL",
      "The newsroom has as many visitors as it can hold.",
      "Try again in a minute.",
    );
  if (!isBeingRestarted(error)) return undefined;
  return new Refusal(
    503,
    "NEWSROOM_RESTARTING",
    "That part of the newsroom is being restarted.",
    "Ask again in a moment; everything else is open.",
  );
}
