/** What a refusal says: where in the value (`[2].name`) and what stood there. Only asked for once something is wrong. */
import { Atom } from "./atom.ts";
import { ImproperList, NativeRecord, Tuple } from "./erlang.ts";

/** The way from `root` through the elements at `indices`; as far as the value still is what it was. */
export function pathTo(root: unknown, indices: readonly number[]): string {
  let text = "";
  let value = root;
  try {
    for (const index of indices) {
      const [step, next] = element(value, index);
      text += step;
      value = next;
    }
  } catch {
    // A getter or a proxy answers differently this time: the path so far is still true.
  }
  return text;
}

function element(value: unknown, index: number): readonly [step: string, next: unknown] {
  if (Array.isArray(value)) return [`[${index}]`, value[index]];
  if (value instanceof Tuple) return [`[${index}]`, value.elements[index]];
  if (value instanceof ImproperList)
    return index < value.elements.length ? [`[${index}]`, value.elements[index]] : [".tail", value.tail];
  if (value instanceof NativeRecord) return element(value.fields, index);
  if (value instanceof Map) {
    const [key, held] = [...value.entries()][index] ?? [];
    return [`.get(${shownKey(key)})`, held];
  }
  if (value instanceof Set) return [`{${index}}`, [...value][index]];
  const key = Object.keys(value as object)[index] ?? "?";
  const step = /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  return [step, (value as Record<string, unknown>)[key]];
}

function shownKey(key: unknown): string {
  if (typeof key === "string") return JSON.stringify(key);
  return key instanceof Atom ? key.name : typeof key === "number" ? `${key}` : describe(key);
}

/** What was got, in words. */
export function describe(value: unknown): string {
  if (typeof value === "function") return `the function ${value.name === "" ? "(anonymous)" : value.name}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  if (value instanceof Date) return "a Date, which only Interlock nodes take: send toISOString() or getTime()";
  if (value instanceof Set) return "a Set, which only Interlock nodes take: send an array";
  if (value instanceof Error) return "an Error, which only Interlock nodes take: send its message, or what happened";
  const prototype = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return `an object of class ${typeof name === "string" ? name : "(unknown)"}`;
}
