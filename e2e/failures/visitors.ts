/** Visitors of keepers, in a pod of their own. */
import type { Tally, Visit } from "../apps/keeper/src/visitors.ts";
import { eventually } from "../eventually.ts";
import { image } from "../images.ts";
import { loadPod } from "../load.ts";
import type { Keepers } from "./keepers.ts";

export type Tallies = Readonly<Record<string, Tally>>;

export class Visitors {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** `machine`: where their pod is. Default: anywhere. */
  static async come({ namespace }: Keepers, visit: Visit, machine?: string): Promise<Visitors> {
    const program = "src/visitors.ts";
    await namespace.apply(loadPod({ name: "visitors", image: image.keeper, program, nodeName: machine }));
    const ip = await eventually("the visitors' pod runs", async () => {
      const phase = "jsonpath={.status.phase} {.status.podIP}";
      const [running, at] = (await namespace.kubectl("get", "pod", "visitors", "-o", phase)).split(" ");
      return running === "Running" && at !== "" && at;
    });
    const visitors = new Visitors(`http://${ip}:8081`);
    await eventually("the visitors are there", () => visitors.counts());
    await visitors.begin(visit);
    return visitors;
  }

  begin(visit: Visit): Promise<Tallies> {
    return this.#ask("/begin", visit);
  }

  counts(): Promise<Tallies> {
    return this.#ask("/counts");
  }

  /** Nobody comes any more; resolves when the last ones have gone. */
  end(): Promise<Tallies> {
    return this.#ask("/end");
  }

  async #ask(path: string, visit?: Visit): Promise<Tallies> {
    const body = visit === undefined ? {} : { body: JSON.stringify(visit) };
    const response = await fetch(`${this.#url}${path}`, {
      method: "POST",
      ...body,
      signal: AbortSignal.timeout(90_000),
    });
    return (await response.json()) as Tallies;
  }
}

/** What went wrong, and how often: `7 × new: timeout`. */
export function problemsOf({ failures }: Tally): readonly string[] {
  const kinds = Map.groupBy(failures, ({ error, kind }) => `${kind}: ${error}`);
  return [...kinds].map(([kind, { length }]) => `${length} × ${kind}`);
}

export function told(tally: Tally): string {
  const problems = problemsOf(tally);
  const which = problems.length === 0 ? "" : ` (${problems.join(", ")})`;
  return `${tally.sent} sent, ${tally.answered} answered, ${tally.failures.length} failed${which}`;
}
