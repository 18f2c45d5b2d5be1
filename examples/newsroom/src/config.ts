/** How the newsroom is told what to do: by the environment, checked by the application before anything starts. */
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
});
