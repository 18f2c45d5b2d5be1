/** How the newsroom is told what to do: by the environment, checked before anything starts. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export const newsroomConfig = z.object({
  /** 0 takes any free port. */
  port: z.coerce.number().int().min(0).max(65_535).default(4_000),
  host: z.string().min(1).default("127.0.0.1"),
  dataDirectory: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .default(fileURLToPath(new URL("../.data", import.meta.url))),
  /** How long the exchange takes to open a session. */
  sessionMs: z.coerce.number().int().min(0).default(1_200),
});
export type NewsroomConfig = z.infer<typeof newsroomConfig>;

const variables = {
  port: "PORT",
  host: "HOST",
  dataDirectory: "NEWSROOM_DATA",
  sessionMs: "NEWSROOM_SESSION_MS",
} as const;

/** **Errors** one sentence that names every variable that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv): NewsroomConfig {
  const given = Object.fromEntries(Object.entries(variables).map(([key, name]) => [key, environment[name]]));
  const read = newsroomConfig.safeParse(given);
  if (read.success) return read.data;
  const problems = read.error.issues.map((issue) => {
    const key = issue.path[0] as keyof typeof variables;
    return `${variables[key]}=${JSON.stringify(given[key])}: ${issue.message}`;
  });
  throw new Error(`${problems.join("; ")}`);
}
