/** What a launcher and its nodes say to each other: by environment when a node starts, by messages afterwards. */

/** The environment of a node. */
export const variables = {
  node: "INTERLOCK_NODE",
  cookie: "INTERLOCK_COOKIE",
  epmd: "INTERLOCK_EPMD",
  platformUrl: "INTERLOCK_PLATFORM_URL",
  platformToken: "INTERLOCK_PLATFORM_TOKEN",
  lifeline: "INTERLOCK_LIFELINE",
} as const;

/** What a node says over its channel to the launcher. */
export type ChildMessage = { readonly interlock: "ready"; readonly url: string } | { readonly interlock: "draining" };

export function asChildMessage(value: unknown): ChildMessage | undefined {
  const { interlock, url } = (value ?? {}) as { readonly interlock?: unknown; readonly url?: unknown };
  if (interlock === "draining") return { interlock };
  return interlock === "ready" && typeof url === "string" && URL.canParse(url) ? { interlock, url } : undefined;
}
