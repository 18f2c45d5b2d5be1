/** The phase of this pod's drain, for whoever answers. */
import type { Pod } from "@interlock/kubernetes";

let pod: Pod | undefined;

export const phaseOf = (): string => pod?.phase ?? "serving";

export function isPod(running: Pod): void {
  pod = running;
}
