/** `newsroom-1` of `newsroom-1@127.0.0.1`: what people call a node. Pods all have one name, and are told apart by their addresses. */
export function idOf(name: string): string {
  const [id = name, host = "127.0.0.1"] = name.split("@");
  return host === "127.0.0.1" ? id : name;
}
