/**
 * How nodes come from one secret to another while they run: a cookie, or the authority that signs their certificates. Every
 * node shows one and takes several. Between two steps all nodes have to have the one before, so that at every moment any two
 * of them take what the other shows. Pure.
 */

/** `settled`: there is one, and all nodes know it. */
export type Rotation<T> = { readonly step: "settled"; readonly current: T } | Begun<T>;

/**
 * `trusted`: the new one is taken, and the old one shown. `shown`: the new one is shown, and the old one still taken.
 * `settling`: only the new one is left, and perhaps not all nodes know that yet.
 */
export type Begun<T> =
  | { readonly step: "trusted" | "shown"; readonly current: T; readonly fresh: T }
  | { readonly step: "settling"; readonly current: T };

export interface Identity<T> {
  readonly shown: T;
  /** With what is shown, first. */
  readonly taken: readonly T[];
}

/** What nodes have at that step. */
export function identityOf<T>(rotation: Rotation<T>): Identity<T> {
  const { current, step } = rotation;
  if (step === "settled" || step === "settling") return { shown: current, taken: [current] };
  const { fresh } = rotation;
  return step === "trusted" ? { shown: current, taken: [current, fresh] } : { shown: fresh, taken: [fresh, current] };
}

/** The first step, away from a rotation that is settled. */
export function begin<T>(current: T, fresh: T): Begun<T> {
  return { step: "trusted", current, fresh };
}

/** The next step, once all nodes have the one before. The third and last one is `settled` then: nothing changes for nodes. */
export function nextStep<T>(rotation: Begun<T>): Rotation<T> {
  switch (rotation.step) {
    case "trusted":
      return { ...rotation, step: "shown" };
    case "shown":
      return { step: "settling", current: rotation.fresh };
    case "settling":
      return { ...rotation, step: "settled" };
  }
}

/**
 * What is known of a pod: the version of a Secret that it said it has, which is in a file beside the others; or for how many
 * milliseconds it could not be asked, and its kubelet had time to bring it what there is.
 */
export type Seen = { readonly version: string } | { readonly silentMs: number };

export type Spread =
  | { readonly type: "done"; readonly unasked: number }
  | { readonly type: "waiting"; readonly behind: readonly string[] };

/** Whether all pods have a version. One is taken to have it after `unaskedMs` of silence; one that says another is waited for. */
export function spread(pods: ReadonlyMap<string, Seen>, version: string, unaskedMs: number): Spread {
  const silent = [...pods.values()].filter((seen) => "silentMs" in seen).length;
  const behind = [...pods]
    .filter(([, seen]) => ("silentMs" in seen ? seen.silentMs < unaskedMs : seen.version !== version))
    .map(([pod]) => pod);
  return behind.length === 0 ? { type: "done", unasked: silent } : { type: "waiting", behind };
}
