/** `app@host`: the part before the `@` is what a machine's name server knows, the other is where the machine is. */
import type { NodeName } from "@interlock/core";

export function isNodeName(value: unknown): value is NodeName {
  return typeof value === "string" && value.length <= 255 && /^[\w.-]+@[\w.:-]+$/.test(value);
}

export function aliveOf(name: NodeName): string {
  return name.slice(0, name.indexOf("@"));
}

export function hostOf(name: NodeName): string {
  return name.slice(name.indexOf("@") + 1);
}
