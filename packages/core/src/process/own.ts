/** Resources that belong to a process, as ports do in Erlang: closed when it ends; their errors are its errors. */
import { badArgument } from "../errors.ts";
import { runAs } from "./context.ts";
import { crash } from "./crash.ts";
import { blame, lingered } from "./lingering.ts";
import type { Process } from "./process.ts";

/** What can be owned: anything that can be disposed, closed, destroyed or ended. */
export type Ownable =
  | Disposable
  | AsyncDisposable
  | { close(): unknown }
  | { destroy(): unknown }
  | { end(): unknown }
  | { terminate(): unknown };

interface Emitter {
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  off(event: "error", listener: (error: unknown) => void): unknown;
  emit(...event: unknown[]): boolean;
}

export function own<R extends Ownable>(process: Process, resource: R): R {
  const dispose = closerOf(resource);
  if (dispose === undefined)
    throw badArgument("resource", resource, "disposable, or to have close, destroy, terminate or end");
  const extras = process.more();
  extras.owned ??= new Map();
  if (extras.owned.has(resource)) return resource;
  extras.owned.set(resource, () => {
    try {
      const closing: unknown = dispose();
      if (closing instanceof Promise)
        closing.catch((error: unknown) => {
          // Closed already, by terminate perhaps: as wanted.
          if ((error as { code?: unknown }).code !== "ERR_SERVER_NOT_RUNNING") lingered(process, "threw", error);
        });
    } catch (error) {
      lingered(process, "threw", error);
    }
  });
  if (isEmitter(resource)) {
    // Closed by itself: a process that owns one socket after the other must not keep them all.
    resource.on("close", () => process.extras?.owned?.delete(resource));
    resource.on("error", (error) => {
      if (process.alive) runAs(process, crash, error);
      // After the end an owned resource may well complain about being closed: nobody's concern any more.
    });
    bindListeners(process, resource);
  }
  return resource;
}

/** Its listeners run as the owner, and what they throw is the owner's failure: whoever made it, whoever listens. */
function bindListeners(process: Process, resource: Emitter): void {
  if (typeof resource.emit !== "function") return;
  const emit = resource.emit.bind(resource);
  const emitAsOwner = (owner: Process, event: unknown[]): boolean => {
    try {
      return emit(...event);
    } catch (error) {
      blame(owner, error);
      return true;
    }
  };
  resource.emit = (...event) => runAs(process, emitAsOwner, event);
}

function closerOf(resource: Ownable): (() => unknown) | undefined {
  const any = resource as Partial<Record<string | symbol, unknown>>;
  for (const key of [Symbol.dispose, Symbol.asyncDispose, "destroy", "terminate", "close", "end"]) {
    const close = any[key];
    if (typeof close === "function") return () => (close as () => unknown).call(resource);
  }
  return undefined;
}

function isEmitter(resource: unknown): resource is Emitter {
  return (
    typeof (resource as Partial<Emitter>).on === "function" && typeof (resource as Partial<Emitter>).off === "function"
  );
}
