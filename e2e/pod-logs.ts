/** The logs of pods that come and go: a pod's own go with it, and what it said of its drain is what explains a loss. */
import { type ChildProcess, spawn } from "node:child_process";
import { environment, type Namespace } from "./kubernetes.ts";

const LOOK_MS = 1_000;

export interface LogLine {
  readonly pod: string;
  /** By the clock of the machine (Unix epoch, milliseconds). */
  readonly at: number;
  readonly text: string;
}

export class PodLogs {
  readonly lines: LogLine[] = [];
  readonly #namespace: Namespace;
  readonly #selector: string;
  readonly #followers = new Map<string, ChildProcess>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(namespace: Namespace, selector: string) {
    this.#namespace = namespace;
    this.#selector = selector;
    void this.#look();
  }

  /** What the pods said, those that say `what`. */
  saying(what: RegExp): readonly LogLine[] {
    return this.lines.filter(({ text }) => what.test(text));
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const child of this.#followers.values()) child.kill();
  }

  async #look(): Promise<void> {
    const asked = [
      "get",
      "pods",
      "-l",
      this.#selector,
      "-o",
      "jsonpath={range .items[*]}{.metadata.name} {.status.phase}{'\\n'}{end}",
    ];
    // An API server that is down is what some tests are about: the next look will say.
    const text = await this.#namespace.kubectl(...asked).catch(() => "");
    for (const line of text.split("\n")) {
      const [pod = "", phase] = line.split(" ");
      if (phase !== "Running" || this.#followers.has(pod) || this.#isOver) continue;
      this.#follow(pod);
    }
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  #follow(pod: string): void {
    const args = ["-n", this.#namespace.name, "logs", "-f", "--timestamps", pod];
    const child = spawn("kubectl", args, { env: environment, stdio: ["ignore", "pipe", "ignore"] });
    this.#followers.set(pod, child);
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const cut = line.indexOf(" ");
        this.lines.push({ pod, at: Date.parse(line.slice(0, cut)), text: line.slice(cut + 1) });
      }
    });
  }
}
