/** A changed configuration as a message, for the servers that use it. @see config_change/3 of application(3) */
import { badArgument } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import { atExit } from "../process/exit.ts";
import { Envelope, SIGNAL } from "../process/mailbox.ts";
import { KeyedMatcher, type Matcher } from "../process/matcher.ts";
import type { Process } from "../process/process.ts";
import { fence } from "../process/send.ts";
import type { AnyApplication, Application } from "./application.ts";

/** What a process that has called `watchConfig` is sent. The new configuration is in force by then. */
export interface ConfigChange<Config = unknown> {
  readonly type: "config_change";
  readonly application: string;
  /** New values of keys that were there before. */
  readonly changed: Partial<Config>;
  readonly added: Partial<Config>;
  readonly removed: readonly string[];
}

class ChangeMatcher extends KeyedMatcher<ConfigChange> {
  readonly keys: readonly unknown[] = ["config_change"];
  readonly user = false;
  readonly signals = true;
  readonly exact = false;
  readonly #application: string;

  constructor(application: string) {
    super();
    this.#application = application;
  }

  matches(message: unknown): boolean {
    const { application, type } = (message ?? {}) as Partial<ConfigChange>;
    return type === "config_change" && application === this.#application;
  }
}

const watchers = new WeakMap<LocalNode, Map<string, Set<Process>>>();

function watchersOf(node: LocalNode, application: string): Set<Process> {
  const ofNode = watchers.get(node) ?? new Map<string, Set<Process>>();
  watchers.set(node, ofNode);
  const watching = ofNode.get(application) ?? new Set<Process>();
  ofNode.set(application, watching);
  return watching;
}

/**
 * Has the calling process told of every change of an application's configuration from now on, by a `ConfigChange`: a server
 * gets it in `info`, a plain process takes it by the matcher that this returns. Its first configuration it takes from
 * `getEnv` or its arguments. Asking twice is asking once.
 *
 * **Errors** `INTERLOCK_BAD_ARGUMENT` outside any process.
 *
 * @example
 * const Greeter = genServer({
 *   name: "greeter",
 *   init: (): { readonly word: unknown } => {
 *     watchConfig("greeting");
 *     return { word: getEnv("greeting", "word") };
 *   },
 *   info: ({ state }, message: SystemMessage | ConfigChange<{ readonly word: string }>) =>
 *     message.type === "config_change" ? noreply({ ...state, ...message.changed }) : noreply(),
 *   calls: { word: ({ state }) => reply(state.word) },
 * });
 * const sup = supervisor({
 *   name: "greeting_sup",
 *   strategy: "one_for_one",
 *   children: () => [Greeter.child([], { name: local("greeter") })],
 * });
 * const greeting = application({ name: "greeting", version: "1.0.0", start: () => sup.startLink() });
 * const running = await greeting.start({ config: { word: "hello" } });
 * await changeConfig(greeting, { word: "good morning" });
 * console.log(await Greeter.at(local("greeter")).call.word()); // good morning
 * await running.stop();
 */
export function watchConfig<Config>(application: Application<Config>): Matcher<ConfigChange<Config>>;
export function watchConfig(application: string): Matcher<ConfigChange>;
export function watchConfig(application: string | AnyApplication): Matcher<ConfigChange> {
  const process = fence();
  if (process === undefined)
    throw badArgument("watchConfig()", "a call outside any process", "called by the code of a process");
  const name = typeof application === "string" ? application : application.name;
  const watching = watchersOf(process.node, name);
  if (!watching.has(process)) atExit(process, () => watching.delete(process));
  watching.add(process);
  return new ChangeMatcher(name);
}

/** As a signal: it counts against no mailbox' bound and is never dropped. */
export function tellConfigWatchers(node: LocalNode, change: ConfigChange): void {
  for (const process of watchersOf(node, change.application)) process.deliver(new Envelope(SIGNAL, change, undefined));
}
