/** The part that is made to fail. Its supervisor gives up when it fails too often, and the root then starts both anew. */
import { genServer, local, noreply, reply, supervisor } from "@interlock/core";

/** Survives the processes, not the program. */
const history = { starts: 0, crashesToCome: 0, wardStarts: 0 };

const Patient = genServer({
  name: "patient",
  init: () => {
    history.starts++;
    if (history.crashesToCome > 0) {
      history.crashesToCome--;
      throw new Error("It crashes again as soon as it starts");
    }
    return { visits: 0 };
  },
  calls: { visit: ({ state }) => reply(state.visits, { visits: state.visits + 1 }) },
  casts: {
    /** Crashes, and then `again` times more, each time as it is started. */
    crash(_context, again: number) {
      history.crashesToCome = again;
      throw new Error("As it was told");
    },
    /** Its callback is called when nobody is there any more to catch what it throws. */
    stray() {
      setTimeout(() => {
        throw new Error("Astray");
      }, 5);
      return noreply();
    },
  },
});

/** Under the root itself: when it cannot be started, nothing is left inside to heal with. */
const Keystone = genServer({
  name: "keystone",
  init: () => {
    if (history.crashesToCome === Number.POSITIVE_INFINITY) throw new Error("It never starts again");
    return {};
  },
  casts: {
    remove() {
      history.crashesToCome = Number.POSITIVE_INFINITY;
      throw new Error("As it was told");
    },
  },
});

export const patient = Patient.at(local("patient"));
export const keystone = Keystone.at(local("keystone"));
export const keystoneChild = () => Keystone.child([], { name: local("keystone") });

export const wardSup = supervisor({
  name: "ward_sup",
  strategy: "one_for_one",
  intensity: 2,
  periodMs: 5_000,
  children: () => {
    history.wardStarts++;
    return [Patient.child([], { name: local("patient") })];
  },
});

export function wardHistory(): { readonly starts: number; readonly wardStarts: number } {
  return { starts: history.starts, wardStarts: history.wardStarts };
}
