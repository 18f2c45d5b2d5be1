/** Which application a command is about: the one that is named, else that of the file. */
import { readAppSpec } from "../deploy/app-spec.ts";

export async function whichApp(named: string | undefined, file: string): Promise<string> {
  return named ?? (await readAppSpec(file)).name;
}
