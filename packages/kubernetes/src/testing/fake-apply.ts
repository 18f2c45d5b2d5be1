/**
 * Server-side apply and patches, as far as a fake needs them: ownership of single fields. Lists are one field each (the real
 * server merges those whose items have keys), but for `finalizers`, which are a set. Pure.
 */
import { isDeepStrictEqual } from "node:util";

import { type AnyObject, FakeRefusal } from "./fake-objects.ts";

/** A field as messages have it: `.spec.replicas`. */
type Field = string;

/** Whose the fields of an object are. */
export type Owners = ReadonlyMap<string, ReadonlySet<Field>>;

const isMap = (value: unknown): value is AnyObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the API server sets itself, and what tells the object. */
const unowned =
  /^\.(apiVersion|kind|metadata\.(name|namespace|uid|resourceVersion|generation|creationTimestamp|managedFields))$/;

/** The single fields of an object, with their values. */
function fieldsOf(value: AnyObject, path = ""): Map<Field, unknown> {
  const fields = new Map<Field, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    const field = `${path}.${key}`;
    if (unowned.test(field)) continue;
    if (field === ".metadata.finalizers") for (const one of inner as string[]) fields.set(`${field}[${one}]`, one);
    else if (isMap(inner) && Object.keys(inner).length > 0)
      for (const [name, leaf] of fieldsOf(inner, field)) fields.set(name, leaf);
    else fields.set(field, inner);
  }
  return fields;
}

/** What becomes of an object by an apply, and whose its fields are then. `before` undefined: there is none yet. */
export function applied(
  before: AnyObject | undefined,
  owners: Owners,
  manager: string,
  given: AnyObject,
): { readonly object: AnyObject; readonly owners: Owners } {
  const wanted = fieldsOf(given);
  const present = fieldsOf(before ?? {});
  const causes: object[] = [];
  for (const [other, fields] of owners) {
    if (other === manager) continue;
    for (const [field, value] of wanted)
      if (fields.has(field) && !isDeepStrictEqual(present.get(field), value))
        causes.push({ reason: "FieldManagerConflict", message: `conflict with "${other}" using v1`, field });
  }
  if (causes.length > 0)
    throw new FakeRefusal(409, "Conflict", `Apply failed with ${causes.length} conflicts`, { causes });
  let object = merged(before ?? {}, withoutFinalizers(given));
  const kept = [...(owners.get(manager) ?? [])].filter((field) => !wanted.has(field));
  for (const field of kept)
    if (![...owners].some(([other, fields]) => other !== manager && fields.has(field))) object = without(object, field);
  for (const field of wanted.keys()) object = withFinalizer(object, field);
  return { object, owners: new Map(owners).set(manager, new Set(wanted.keys())) };
}

/** A write that is no apply: who changed a field has it from now on, alone. */
export function claimed(owners: Owners, manager: string, before: AnyObject, after: AnyObject): Owners {
  const [old, next] = [fieldsOf(before), fieldsOf(after)];
  const changed = new Set(
    [...next].flatMap(([field, value]) => (isDeepStrictEqual(old.get(field), value) ? [] : field)),
  );
  const left = new Map<string, ReadonlySet<Field>>();
  for (const [other, fields] of owners)
    left.set(other, new Set([...fields].filter((field) => next.has(field) && !changed.has(field))));
  return left.set(manager, new Set([...(left.get(manager) ?? []), ...changed]));
}

const finalizer = /^\.metadata\.finalizers\[(?<name>.*)\]$/;

function withoutFinalizers(given: AnyObject): AnyObject {
  const { finalizers: _finalizers, ...metadata } = given["metadata"] ?? {};
  return { ...given, metadata };
}

function withFinalizer(object: AnyObject, field: Field): AnyObject {
  const name = finalizer.exec(field)?.groups?.["name"];
  const { finalizers = [] } = object["metadata"];
  if (name === undefined || finalizers.includes(name)) return object;
  return { ...object, metadata: { ...object["metadata"], finalizers: [...finalizers, name] } };
}

function without(object: AnyObject, field: Field): AnyObject {
  const name = finalizer.exec(field)?.groups?.["name"];
  if (name !== undefined) {
    const { finalizers = [] } = object["metadata"];
    const rest = finalizers.filter((one: string) => one !== name);
    return { ...object, metadata: { ...object["metadata"], finalizers: rest } };
  }
  const paths = [...fieldsOf(object).keys()].filter((one) => one !== field);
  return pick(object, paths, "") ?? {};
}

/** The object with these single fields alone, and what is nobody's. */
function pick(value: AnyObject, fields: readonly Field[], path: string): AnyObject | undefined {
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const field = `${path}.${key}`;
    if (unowned.test(field) || fields.includes(field) || field === ".metadata.finalizers") return [[key, inner]];
    const rest = isMap(inner) ? pick(inner, fields, field) : undefined;
    return rest === undefined ? [] : [[key, rest]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function merged(into: AnyObject, given: AnyObject): AnyObject {
  const result: AnyObject = { ...into };
  for (const [key, value] of Object.entries(given))
    result[key] = isMap(value) && isMap(result[key]) ? merged(result[key], value) : value;
  return result;
}

/** @see https://www.rfc-editor.org/rfc/rfc7386 */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: AnyObject = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatched(result[key], value);
  }
  return result;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** `add`, `remove`, `replace` and `test`. @see https://www.rfc-editor.org/rfc/rfc6902 */
export function jsonPatched(object: AnyObject, operations: readonly Operation[]): AnyObject {
  const result = structuredClone(object);
  for (const { op, path, value } of operations) {
    const keys = path
      .slice(1)
      .split("/")
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop() ?? "";
    const at = keys.reduce<AnyObject>((inner, key) => inner?.[key], result) as AnyObject;
    const refuse = (): never => {
      throw new FakeRefusal(422, "Invalid", `the server rejected our request: ${op} ${path}`);
    };
    if (at === undefined || (op !== "add" && !(last in at))) refuse();
    const items = Array.isArray(at) ? (at as unknown[]) : undefined;
    if (op === "test") {
      if (!isDeepStrictEqual(at[last], value)) refuse();
    } else if (op === "remove") {
      if (items !== undefined) items.splice(Number(last), 1);
      else Reflect.deleteProperty(at, last);
    } else if (op === "add" && items !== undefined) items.splice(last === "-" ? items.length : Number(last), 0, value);
    else at[last] = value;
  }
  return result;
}
