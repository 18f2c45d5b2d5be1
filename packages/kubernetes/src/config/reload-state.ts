/**
 * When a configuration that lies in files is to be loaded anew. Pure: told of the versions that were seen and of how a load has
 * ended. One load at a time; the version that was seen last is always tried; one that was refused is not tried again, so its
 * reason is said once.
 */

/** Where files stand: equal as long as nothing has changed. */
export type Version = string;

export interface ReloadState {
  readonly seen: Version | undefined;
  /** What was loaded last, or is being loaded. */
  readonly tried: Version | undefined;
  readonly isLoading: boolean;
  /** Why what was tried last is not in force; undefined when it is. */
  readonly refusal: string | undefined;
  /** How many loads have changed something. */
  readonly changes: number;
}

export type ReloadEvent =
  | { readonly type: "seen"; readonly version: Version }
  | { readonly type: "accepted"; readonly changed: boolean }
  | { readonly type: "refused"; readonly reason: string };

/** What is to be done, or to be said. `healed`: what is in force now is what the files say, after it was not. */
export type ReloadAction = "load" | "changed" | "refused" | "healed";

export const initialReload: ReloadState = {
  seen: undefined,
  tried: undefined,
  isLoading: false,
  refusal: undefined,
  changes: 0,
};

export function reload(
  state: ReloadState,
  event: ReloadEvent,
): { readonly state: ReloadState; readonly actions: readonly ReloadAction[] } {
  if (event.type === "seen") return onward({ ...state, seen: event.version }, []);
  if (!state.isLoading) return { state, actions: [] };
  const ended = { ...state, isLoading: false };
  if (event.type === "refused") {
    const said: readonly ReloadAction[] = event.reason === state.refusal ? [] : ["refused"];
    return onward({ ...ended, refusal: event.reason }, said);
  }
  const said: readonly ReloadAction[] = event.changed ? ["changed"] : state.refusal === undefined ? [] : ["healed"];
  return onward({ ...ended, refusal: undefined, changes: state.changes + (event.changed ? 1 : 0) }, said);
}

function onward(state: ReloadState, actions: readonly ReloadAction[]) {
  if (state.isLoading || state.seen === undefined || state.seen === state.tried) return { state, actions };
  return { state: { ...state, isLoading: true, tried: state.seen }, actions: [...actions, "load" as const] };
}
