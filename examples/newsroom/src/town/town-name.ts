/** `newsroom-1` of `newsroom-1@127.0.0.1`: what people call a node. */
export function idOf(name: string): string {
  return name.split("@")[0] ?? name;
}
