/**
 * The child that every node has of a singleton: it takes part in the election, and while it holds the lease the server runs
 * under a supervisor of its own. A crash of the server is restarted in place, under the same token; when its supervisor gives
 * up, the lease is released and this child ends with it.
 *
 * The order at every end of a term is: the server has ended, then the lease is released or asked for again. Nothing here
 * waits within a handler, because renewals must go on while a server starts.
 */
import {
  type ChildSpec,
  type ExitReason,
  exit,
  type GenServer,
  genServer,
  isAlive,
  isPid,
  type LocalNode,
  monitor,
  type NoReply,
  noreply,
  type Pid,
  type Stop,
  type SystemMessage,
  self,
  send,
  sendAfter,
  stop,
  supervisor,
  type Timer,
  trySend,
  unowned,
} from "@interlock/core";
import { currentNode } from "@interlock/core/distribution";
import { candidateName } from "../lease/candidate.ts";
import {
  abstaining,
  answered,
  changed,
  decide,
  type Election,
  election,
  failed,
  type LeaseRequest,
  type LeaseTiming,
  resigned,
  returned,
  stopMsOf,
  stopped,
} from "../lease/elector.ts";
import type { Lease, LeaseAnswer } from "../lease/lease.ts";
import { carryOut, releasedWithin } from "../lease/requests.ts";
import { hasStoodDown } from "../node/attached.ts";
import { departure, suspension } from "../node/halt.ts";
import { dropStanding, Standing, setStanding } from "./standing.ts";

export interface SingletonPlan {
  readonly name: string;
  readonly lease: Lease;
  readonly timing: LeaseTiming;
  readonly intensity: number;
  readonly periodMs: number;
  /** The server as a child, for a term with that token. */
  readonly server: (token: number) => ChildSpec;
}

type Note =
  | { readonly type: "wake" }
  | { readonly type: "changed" }
  | {
      readonly type: "answer";
      readonly number: number;
      readonly answer: LeaseAnswer | undefined;
      readonly error?: unknown;
    }
  | { readonly type: "started"; readonly term: number; readonly outcome: Outcome }
  | { readonly type: "late"; readonly term: number }
  /** The node leaves its network, or is cut off; it waits until `done` is called. */
  | { readonly type: "leaving"; readonly done: () => void }
  | { readonly type: "joined" };

/** The supervisor of the server, or why there is none. */
type Outcome = Pid | { readonly reason: unknown };

interface Term {
  readonly token: number;
  readonly starting: Promise<Outcome>;
  /** Of the supervisor; undefined while it starts. */
  readonly pid: Pid | undefined;
  readonly ending: boolean;
  /** The time to end runs. */
  readonly late?: boolean;
}

interface Candidacy {
  readonly plan: SingletonPlan;
  readonly node: LocalNode;
  readonly standing: Standing;
  readonly term: Term | undefined;
  readonly timer: Timer | undefined;
  /** The last request failed: said once, not every two seconds. */
  readonly isFailing: boolean;
  /** The node has left its network, or is on the losing side of a split: it is no candidate until that has changed. */
  readonly isWithdrawn: boolean;
}

type Child = GenServer<[plan: SingletonPlan], Candidacy, unknown, unknown, Note>;
type Step = NoReply<Candidacy> | Stop<never, Candidacy>;

export const SingletonChild: Child = genServer({
  name: "singleton",
  init: (plan: SingletonPlan): Candidacy => {
    const me = self();
    me.trapExit();
    me.setLabel(`singleton ${plan.name}`);
    const node = currentNode();
    const now = node.runtime.clock.now();
    const standing = new Standing(node, election(candidateName(node), plan.timing, now));
    setStanding(node, plan.name, standing);
    const pid = own();
    const unwatch = unowned(() => plan.lease.watch?.(() => void trySend(pid, { type: "changed" })));
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const leaving = (): Promise<void> => {
      const { promise, resolve: done } = Promise.withResolvers<void>();
      send(pid, { type: "leaving", done });
      return Promise.race([promise, ended]);
    };
    const joined = (): void => void trySend(pid, { type: "joined" });
    const ends = halts.map((one) => one.enter(node, { halt: leaving, goOn: joined }));
    me.own({
      close: () => {
        dropStanding(node, plan.name, standing);
        unwatch?.();
        for (const endPart of ends) endPart();
        end();
      },
    });
    const isWithdrawn = mayNot(node);
    const state = { plan, node, standing, term: undefined, timer: undefined, isFailing: false, isWithdrawn };
    return advance(state, (known) => known);
  },
  info: ({ state }, message: SystemMessage | Note) => {
    const now = state.node.runtime.clock.now();
    switch (message.type) {
      case "wake":
        return noreply(advance(state, (known) => known));
      case "changed":
        return noreply(advance(state, (known) => changed(known, now)));
      case "answer": {
        const { answer, number } = message;
        if (answer === undefined)
          return noreply(advance(complain(state, message.error), (one) => failed(one, number, now)));
        return noreply(advance({ ...state, isFailing: false }, (known) => answered(known, number, answer, now)));
      }
      case "started": {
        const { outcome } = message;
        if (state.term?.token !== message.term) return noreply(state);
        if (!isPid(outcome)) return ended(state, state.term, { shutdown: { failed_to_start: outcome.reason } });
        // Its EXIT may have come before this note, as one of nobody.
        if (!isAlive(outcome)) return ended(state, state.term, "noproc");
        return noreply(advance({ ...state, term: { ...state.term, pid: outcome } }, (known) => known));
      }
      case "late":
        if (state.term?.token === message.term) kill(state, state.term.pid);
        return noreply(state);
      case "leaving":
        return withdrawn(state, message.done);
      case "joined":
        if (mayNot(state.node) || !state.isWithdrawn) return noreply(state);
        state.standing.election = returned(state.standing.election, candidateName(state.node), now);
        return noreply(advance({ ...state, isWithdrawn: false }, (known) => known));
      case "EXIT":
        return state.term !== undefined && message.from === state.term.pid
          ? ended(state, state.term, message.reason)
          : noreply(state);
      default:
        return noreply(state);
    }
  },
  terminate: ({ state }) => resign(state),
});

/** While any of them lasts, the node is no candidate. */
const halts = [departure, suspension];

function mayNot(node: LocalNode): boolean {
  return halts.some((one) => one.isHalted(node));
}

function own(): Pid<Note> {
  return self().pid as Pid<Note>;
}

/** Ends the server if it runs here, then releases the lease. */
async function resign(state: Candidacy): Promise<void> {
  const { node, plan, standing, timer } = state;
  timer?.cancel();
  const { election: last, release } = resigned(standing.election);
  const untilMs = (standing.election.held?.untilMs ?? 0) + stopMsOf(plan.timing);
  const remainingMs = (): number => Math.max(0, untilMs - node.runtime.clock.now());
  standing.election = last;
  if (state.term !== undefined) await endOf(state, state.term, remainingMs());
  if (release === undefined) return;
  const released = plan.lease.release(release).catch((error: unknown) => complain(state, error));
  await releasedWithin(node, released, remainingMs());
}

/** The only handler that waits: there is nothing to be renewed meanwhile. */
async function withdrawn(state: Candidacy, done: () => void): Promise<Step> {
  await resign(state);
  done();
  return noreply({ ...state, term: undefined, timer: undefined, isWithdrawn: true });
}

/** Takes one step of the election and does what follows from it. */
function advance(state: Candidacy, step: (known: Election) => Election): Candidacy {
  const { node, plan, standing, timer } = state;
  timer?.cancel();
  if (state.isWithdrawn) return { ...state, timer: undefined };
  const now = node.runtime.clock.now();
  const known = step(standing.election);
  const decision = decide(hasStoodDown(node) ? abstaining(known) : known, now);
  standing.election = decision.election;
  const { asked, held, stopping } = decision.election;
  if (decision.request !== undefined) ask(state, decision.request, asked?.number ?? 0);
  let { term } = state;
  if (held !== undefined && term === undefined) term = begin(plan, held.record.token);
  if (stopping && term !== undefined && !term.ending) term = give(state, term);
  if (stopping && term === undefined) return advance(state, (known) => stopped(known, now));
  // A wait without an end is one for a message.
  const wakeMs = decision.wakeMs - now;
  return {
    ...state,
    term,
    timer: wakeMs < 2 ** 31 ? sendAfter(Math.max(0, wakeMs), own(), { type: "wake" }) : undefined,
  };
}

/** What it calls when the answer is there belongs to no process: this one may have ended by then. */
function ask({ plan: { lease, timing }, standing }: Candidacy, request: LeaseRequest, number: number): void {
  const pid = own();
  const claim = { holder: standing.election.candidate, durationMs: timing.durationMs };
  unowned(() => {
    carryOut(lease, request, claim, () => standing.election.asked?.number === number).then(
      (answer) => send(pid, { type: "answer", number, answer }),
      (error: unknown) => send(pid, { type: "answer", number, answer: undefined, error }),
    );
  });
}

function begin(plan: SingletonPlan, token: number): Term {
  const pid = own();
  const Server = supervisor({
    name: `${plan.name}_singleton`,
    strategy: "one_for_one",
    intensity: plan.intensity,
    periodMs: plan.periodMs,
    children: () => [plan.server(token)],
  });
  const starting = Server.startLink().then(
    (started) => started.pid,
    (reason: unknown) => ({ reason }),
  );
  unowned(() => {
    void starting.then((outcome) => send(pid, { type: "started", term: token, outcome }));
  });
  return { token, starting, pid: undefined, ending: false };
}

/** Has the server end; EXIT of its supervisor follows. */
function give(state: Candidacy, term: Term): Term {
  if (!term.late) sendAfter(stopMsOf(state.plan.timing), own(), { type: "late", term: term.token });
  // One that starts still is stopped as soon as it has.
  if (term.pid !== undefined) exit(term.pid, "shutdown");
  return { ...term, late: true, ending: term.pid !== undefined };
}

function kill({ node, plan }: Candidacy, pid: Pid | undefined): void {
  const server = node.names.get(plan.name)?.pid;
  if (server !== undefined) exit(server, "kill");
  if (pid !== undefined) exit(pid, "kill");
}

/** Resolves when the server has ended, which it has to within that time. */
async function endOf(state: Candidacy, term: Term, withinMs: number): Promise<void> {
  let started = term.pid;
  const limit = state.node.after(withinMs, () => kill(state, started));
  const outcome = started ?? (await term.starting);
  if (isPid(outcome)) {
    started = outcome;
    const end = monitor(outcome);
    exit(outcome, "shutdown");
    await end;
  }
  limit.cancel();
}

/** The supervisor of `term` has ended. */
function ended(state: Candidacy, term: Term, reason: ExitReason): Step {
  // By itself: it has given up, and so does this child, whose own supervisor decides what comes next.
  if (!state.standing.election.stopping && !term.ending) return stop(reason);
  return noreply(advance({ ...state, term: undefined }, (known) => stopped(known, state.node.runtime.clock.now())));
}

/** Said once, not with every attempt. */
function complain(state: Candidacy, details: unknown): Candidacy {
  const { isFailing, node, plan } = state;
  const at = node.runtime.clock.wallTime();
  const text = "cannot reach its lease";
  if (!isFailing) node.report({ type: "warning", pid: undefined, label: `singleton ${plan.name}`, text, details, at });
  return { ...state, isFailing: true };
}
