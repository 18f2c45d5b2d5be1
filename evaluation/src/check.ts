/** What has to hold of Interlock, whatever the machine: what CI asks for. Pure. */
import type { Results, Run } from "./results.ts";

export interface Claim {
  readonly text: string;
  readonly holds: boolean;
}

const ours = new Set(["newsroom-1", "newsroom-3"]);

export function claimsOn({ omissions, runs }: Results): readonly Claim[] {
  return [
    ...omissions.map(({ deployment, fault, problem }) => ({
      text: `${deployment}, ${fault}: ${problem}`,
      holds: false,
    })),
    ...runs.filter(({ deployment }) => ours.has(deployment)).flatMap(claimsOnRun),
  ];
}

function claimsOnRun({ deployment, fault, measured }: Run): readonly Claim[] {
  const { healMs, lost, messagesDoubled, messagesLost, requests, stateLost } = measured;
  const claim = (text: string, holds: boolean): Claim => ({ text: `${deployment}, ${fault}: ${text}`, holds });
  const common = [claim(`it heals (${healMs} ms)`, healMs !== undefined)];
  if (fault !== "crash" && fault !== "rolling-update" && fault !== "calm") return common;
  return [
    ...common,
    claim(`no request is lost (${lost} of ${requests})`, lost === 0),
    claim(`no state is lost (${stateLost})`, stateLost === 0),
    claim(`no message is lost or doubled (${messagesLost}, ${messagesDoubled})`, messagesLost + messagesDoubled === 0),
  ];
}
