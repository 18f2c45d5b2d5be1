/** What a pod is configured by, beside what its application says itself. */
import type { ConfigProvider } from "@interlock/core";
import { mountedConfig } from "./mounted.ts";

/**
 * The ConfigMap and the Secrets that are mounted in this pod: the folders that `INTERLOCK_CONFIG_DIR` and `INTERLOCK_SECRET_DIR`
 * name. `runPod` takes them after the application's own providers, so that they win; to have flags win over them, give it
 * `{ config: [...podConfig(), flags()] }`.
 *
 * @example
 * console.log(podConfig({ INTERLOCK_CONFIG_DIR: "/etc/interlock/config" }).map(({ name }) => name)); // [ 'ConfigMap /etc/interlock/config' ]
 */
export function podConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly ConfigProvider[] {
  const { INTERLOCK_CONFIG_DIR: config, INTERLOCK_SECRET_DIR: secrets } = environment;
  return [...(config ? [mountedConfig(config)] : []), ...(secrets ? [mountedConfig(secrets, { secret: true })] : [])];
}
