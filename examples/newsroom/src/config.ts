/**
 * How the newsroom is told what to do: by the environment, and in a pod by its ConfigMap, which may change while it is open.
 * Checked by the application before anything starts or changes.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { environment } from "@interlock/core";
import { z } from "zod";

export const newsroomConfig = z
  .object({
    /** 0 takes any free port. */
    port: z.coerce.number().int().min(0).max(65_535).default(4_000),
    host: z.string().min(1).default("127.0.0.1"),
    dataDirectory: z
      .string()
      .min(1)
      .transform((path) => resolve(path))
      .default(fileURLToPath(new URL("../.data", import.meta.url))),
    /** Whether this node keeps the articles, or another one of the town does. */
    archive: z.enum(["here", "elsewhere"]).default("here"),
    /** A directory of the machine, the same for all its nodes: who holds what there is only one of. Default: beside the data. */
    leases: z
      .string()
      .min(1)
      .transform((path) => resolve(path))
      .optional(),
    /** How long the exchange takes to open a session. */
    sessionMs: z.coerce.number().int().min(0).default(1_200),
    /** What stands below the paper's name. */
    motto: z.string().trim().min(1).max(80).default("All the news that survives a restart"),
    /** How fast one visitor may speak. */
    chat: z
      .object({
        perSecond: z.coerce.number().positive().max(1_000).default(20),
        burst: z.coerce.number().int().min(1).max(10_000).default(40),
      })
      .prefault({}),
  })
  .transform((config) => ({ ...config, leases: config.leases ?? `${config.dataDirectory}-leases` }));
export type NewsroomConfig = z.infer<typeof newsroomConfig>;

export const newsroomVariables = environment({
  port: "PORT",
  host: "HOST",
  dataDirectory: "NEWSROOM_DATA",
  archive: "NEWSROOM_ARCHIVE",
  leases: "NEWSROOM_LEASES",
  sessionMs: "NEWSROOM_SESSION_MS",
  motto: "NEWSROOM_MOTTO",
  "chat.perSecond": "NEWSROOM_CHAT_PER_SECOND",
  "chat.burst": "NEWSROOM_CHAT_BURST",
});

/** What may change while the newsroom is open. */
const changeable: readonly string[] = ["motto", "chat"] satisfies readonly (keyof NewsroomConfig)[];

/** Refuses a change of what is looked at when the newsroom opens only: half of it would be as before. */
export function refuseFixed(changed: Partial<NewsroomConfig>): void {
  const fixed = Object.keys(changed).filter((key) => !changeable.includes(key));
  if (fixed.length > 0)
    throw new Error(`${fixed.join(", ")} cannot change while the newsroom is open; ${changeable.join(" and ")} can`);
}
