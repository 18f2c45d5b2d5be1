/**
 * What one node knows of the others, and what follows from each thing it hears: the rules of membership, without a process,
 * a clock or a wire.
 *
 * Who is a member is a matter of live connections: a member is a node that says so itself, over the connection that is
 * there now. One that says that it leaves and has gone is `left`, one whose connection ends without that is `down`, and is
 * back when it is connected again. Nobody is a member by hearsay; what others say of third ones is whom to connect to.
 *
 * Discovery adds candidates and takes none away from the members: nothing here ends a connection.
 */
import type { NodeName, Random } from "@interlock/core";
import type { Claim, Surroundings } from "../arbiter/arbitration.ts";
import { Dials } from "./dials.ts";
import type { Greeting, Message, Standing } from "./messages.ts";
import { type BootstrapRules, type Contact, type Observed, plan } from "./plan.ts";
import { digestOf, isLive, type Member, type MemberState, order, type View, viewOf } from "./view.ts";

export interface MembershipRules extends BootstrapRules {
  /** Whether a cluster is begun only by whoever holds the arbiter's lease. */
  readonly arbitrated: boolean;
  /** Only nodes with the same name are of concern. */
  readonly name: string;
  /** Milliseconds before a node that could not be reached is tried again, the first time. */
  readonly dialMs: number;
  /** Milliseconds after which a joining node is up although it has not reached all members. */
  readonly joinMs: number;
  /** Milliseconds that a leaving node waits for the others to have heard of it, twice. */
  readonly leaveMs: number;
  /** Milliseconds for which a node that has gone stays in the view, and is looked for if it is down. */
  readonly forgetMs: number;
}

/** A member has another state than before; `from` is undefined when it was not there, or in another life. */
export interface MembershipChange {
  readonly member: Member;
  readonly from: MemberState | undefined;
}

export type Effect =
  /** Connect to it; `linked` or `dialFailed` is to follow. */
  | { readonly type: "dial"; readonly node: NodeName }
  | { readonly type: "tell"; readonly nodes: readonly NodeName[]; readonly message: Message }
  | { readonly type: "changed"; readonly change: MembershipChange }
  /** Two clusters were begun apart and have met: this node's is now called as the other one. */
  | { readonly type: "merged"; readonly node: NodeName; readonly from: string; readonly into: string }
  /** The unique work of this node has to end before it has left; `ended` is to follow. */
  | { readonly type: "end" }
  /** This node has left, and all have heard of it that could. */
  | { readonly type: "left" };

/** A node that this one is connected to. */
interface Peer {
  /** When it was connected. */
  readonly sinceMs: number;
  greeting: Greeting | undefined;
  /** The names in its last greeting that had any, or in its view. */
  nodes: readonly NodeName[];
  digest: string | undefined;
  /** Its view, as it was when we asked for it. */
  view: View | undefined;
  /** The two digests that we have asked it about. */
  asked: string | undefined;
  /** Another one has been answered that this life of it has ended: its connection will. */
  isOver: boolean;
  /** What we have told it of ourselves, see `#saying`: of each peer, for each was told at another time. */
  told: string | undefined;
}

const EMPTY: readonly NodeName[] = [];
const UNCLAIMED: Claim = { type: "open", reason: "the cluster's lease is being asked for" };

export class MembershipState {
  readonly #self: NodeName;
  readonly #incarnation: number;
  readonly #rules: MembershipRules;
  #standing: Standing = "waiting";
  #cluster: string | undefined;
  readonly #members = new Map<NodeName, Member>();
  /** When those that are not live any more went. */
  readonly #goneMs = new Map<NodeName, number>();
  readonly #peers = new Map<NodeName, Peer>();
  /** Connected, and nothing to do with this cluster. */
  readonly #strangers = new Set<NodeName>();
  readonly #dials: Dials;
  /** Who may yet be alive on the other side of a cut, and since when: nothing has shown that their process has ended. */
  readonly #missing: Map<NodeName, number>;
  #claim: Claim = UNCLAIMED;
  #wouldForm = false;
  #found: ReadonlySet<NodeName> = new Set();
  #complete = false;
  #agreement = "";
  #stableSinceMs: number;
  /** What the others may count on: the agreement, once it is stable. */
  #toldAgreement: string | undefined;
  #joiningSinceMs = 0;
  /** Who has not heard yet that this node leaves, and until when that matters. */
  #unheard: Set<NodeName> = new Set();
  #leaveUntilMs = 0;
  #isEnding = false;
  #hasEnded = false;
  #hasLeft = false;
  #waitingFor: string | undefined = "discovery has not said anything yet";
  #view: View | undefined;
  #effects: Effect[] = [];

  constructor(
    self: { readonly node: NodeName; readonly incarnation: number },
    rules: MembershipRules,
    random: Random,
    nowMs: number,
    missing: Iterable<NodeName> = [],
  ) {
    this.#missing = new Map([...missing].map((node) => [node, nowMs]));
    this.#self = self.node;
    this.#incarnation = self.incarnation;
    this.#rules = rules;
    this.#dials = new Dials(rules.dialMs, random);
    this.#stableSinceMs = nowMs;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Why it is in no cluster yet. */
  get waitingFor(): string | undefined {
    return this.#waitingFor;
  }

  get view(): View {
    this.#view ??= viewOf(this.#cluster, this.#members.values());
    return this.#view;
  }

  /** Members that have told of another view than this one, or of none yet, with what is known of theirs. */
  get differing(): readonly { readonly node: NodeName; readonly view: View | undefined }[] {
    const { digest } = this.view;
    return this.#others().flatMap((node) => {
      const peer = this.#peers.get(node);
      return peer?.digest === digest ? [] : [{ node, view: peer?.view }];
    });
  }

  /** What the arbiter has to know. */
  get surroundings(): Surroundings {
    if (this.#standing === "waiting" || this.#standing === "left")
      return { phase: this.#wouldForm ? "forming" : "waiting", live: new Set(), missing: new Set() };
    return { phase: "in", live: new Set(this.#others()), missing: new Set(this.#missing.keys()) };
  }

  // What happens

  /** What the arbiter says of a cluster that would be begun here. */
  claimed(claim: Claim, nowMs: number): readonly Effect[] {
    this.#claim = claim;
    return this.#next(nowMs);
  }

  /** All that discovery finds, and whether no strategy fails. */
  found(nodes: ReadonlySet<NodeName>, complete: boolean, nowMs: number): readonly Effect[] {
    this.#found = nodes;
    this.#complete = complete;
    return this.#next(nowMs);
  }

  /** A node whose membership can be spoken to is connected. */
  linked(node: NodeName, nowMs: number): readonly Effect[] {
    this.#dials.over(node);
    this.#peers.set(node, {
      sinceMs: nowMs,
      greeting: undefined,
      nodes: EMPTY,
      digest: undefined,
      view: undefined,
      asked: undefined,
      isOver: false,
      told: undefined,
    });
    if (this.#standing !== "left") this.#tell([node], { ...this.#greeting(true), answer: true });
    return this.#next(nowMs);
  }

  /** A node is connected that has no membership: one of Erlang's. */
  stranger(node: NodeName, nowMs: number): readonly Effect[] {
    this.#dials.over(node);
    this.#strangers.add(node);
    return this.#next(nowMs);
  }

  unlinked(node: NodeName, nowMs: number): readonly Effect[] {
    this.#strangers.delete(node);
    const peer = this.#peers.get(node);
    if (peer !== undefined) {
      this.#peers.delete(node);
      const member = this.#members.get(node);
      // Who has left has ended before what only one may do.
      if (member !== undefined && isLive(member) && !peer.isOver) this.#missing.set(node, nowMs);
      this.#lost(node, nowMs);
      this.#dials.ended(node, nowMs - peer.sinceMs, nowMs);
    }
    return this.#next(nowMs);
  }

  /** @param isRefused its system has answered that nobody listens there: its process has ended. */
  dialFailed(node: NodeName, nowMs: number, isRefused: boolean): readonly Effect[] {
    if (isRefused && this.#missing.delete(node)) this.#tellEnd(node);
    if (!this.#peers.has(node)) this.#dials.failed(node, nowMs);
    return this.#next(nowMs);
  }

  received(message: Message, nowMs: number): readonly Effect[] {
    const peer = this.#peers.get(message.node);
    // Late: its connection has ended, and all that was said by it.
    if (peer === undefined || this.#hasLeft) return this.#taken();
    peer.isOver = false;
    switch (message.type) {
      case "greeting":
        this.#greeted(peer, message, nowMs);
        break;
      case "digest":
        peer.digest = message.digest;
        break;
      case "ask":
        if (this.#cluster !== undefined)
          this.#tell([message.node], {
            type: "view",
            node: this.#self,
            cluster: this.#cluster,
            members: this.view.members,
          });
        break;
      case "view":
        peer.view = viewOf(message.cluster, message.members);
        peer.nodes = message.members.filter(isLive).map(({ node }) => node);
        break;
      case "heard":
        if (message.state === this.#standing) this.#unheard.delete(message.node);
        break;
      case "ended":
        this.#hearEnd(message.ended, message.incarnation);
        break;
    }
    return this.#next(nowMs);
  }

  /** This node goes: it says so, and waits until the others have heard it. */
  leave(nowMs: number): readonly Effect[] {
    if (this.#standing === "left" || this.#standing === "leaving") return this.#taken();
    this.#leaving(this.#cluster === undefined ? "left" : "leaving", nowMs);
    return this.#next(nowMs);
  }

  /** Unique work has. */
  ended(nowMs: number): readonly Effect[] {
    this.#hasEnded = true;
    return this.#next(nowMs);
  }

  /** Now and then: what is due, and what is to be said to all. */
  tick(nowMs: number): readonly Effect[] {
    for (const [node, goneMs] of this.#goneMs)
      if (nowMs - goneMs >= this.#rules.forgetMs) {
        this.#goneMs.delete(node);
        this.#members.delete(node);
        this.#view = undefined;
      }
    for (const [node, sinceMs] of this.#missing)
      if (this.#complete && !this.#found.has(node) && nowMs - sinceMs >= this.#rules.forgetMs)
        this.#missing.delete(node);
    const effects = this.#next(nowMs);
    if (this.#standing === "waiting") this.#tellAgreement(nowMs);
    else if (this.#standing !== "left") this.#compareViews();
    return [...effects, ...this.#taken()];
  }

  #hearEnd(node: NodeName, incarnation: number): void {
    // It may be in a later life.
    if (this.#members.get(node)?.incarnation !== incarnation) return;
    this.#missing.delete(node);
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.isOver = true;
  }

  /** Others may have asked too late: its address goes with its pod. */
  #tellEnd(node: NodeName): void {
    const incarnation = this.#members.get(node)?.incarnation;
    if (incarnation !== undefined)
      this.#tell(this.#others(), { type: "ended", node: this.#self, ended: node, incarnation });
  }

  // Members

  #greeted(peer: Peer, greeting: Greeting, nowMs: number): void {
    const { cluster, digest, incarnation, name, node, nodes, state } = greeting;
    if (name !== this.#rules.name) {
      this.#peers.delete(node);
      this.#strangers.add(node);
      return;
    }
    peer.greeting = greeting;
    this.#missing.delete(node);
    if (nodes !== undefined) peer.nodes = nodes;
    // It may have begun anew on a connection that both have known for long.
    if (greeting.answer) this.#tell([node], this.#greeting(true));
    if (state === "leaving" || state === "left") this.#tell([node], { type: "heard", node: this.#self, state });
    const known = this.#members.get(node);
    this.#meet(node, cluster);
    const isOurs = this.#cluster !== undefined && state !== "waiting" && state !== "left";
    peer.digest = isOurs ? digest : undefined;
    if (isOurs) this.#set({ node, incarnation, state }, nowMs);
    else if (known !== undefined && isLive(known)) {
      const gone = state === "left" && known.incarnation === incarnation;
      this.#set({ ...known, state: gone ? "left" : "down" }, nowMs);
    }
  }

  /**
   * Two clusters that were begun apart are one when they meet, under the lower of their names. A name only ever gets lower, so
   * all end with the same, whoever meets whom first. Until then a member may go by another name, and is one all the same.
   */
  #meet(node: NodeName, cluster: string | undefined): void {
    const from = this.#cluster;
    if (from === undefined || cluster === undefined || order(from, cluster) <= 0) return; // Or they come to us.
    this.#cluster = cluster;
    this.#view = undefined;
    this.#effects.push({ type: "merged", node, from, into: cluster });
    this.#tell([...this.#peers.keys()], this.#greeting(true));
  }

  #lost(node: NodeName, nowMs: number): void {
    const member = this.#members.get(node);
    if (member !== undefined && isLive(member)) this.#set({ ...member, state: "down" }, nowMs);
  }

  #set(member: Member, nowMs: number): void {
    const { incarnation, node, state } = member;
    const known = this.#members.get(node);
    const from = known?.incarnation === incarnation ? known.state : undefined;
    if (from === state) return;
    this.#members.set(node, { node, incarnation, state });
    this.#view = undefined;
    if (isLive(member)) this.#goneMs.delete(node);
    else this.#goneMs.set(node, nowMs);
    this.#effects.push({ type: "changed", change: { member: { node, incarnation, state }, from } });
  }

  /** The other live members. */
  #others(): readonly NodeName[] {
    return [...this.#members.values()].filter((one) => isLive(one) && one.node !== this.#self).map(({ node }) => node);
  }

  // Joining and leaving

  #enter(cluster: string, state: "joining" | "up", nowMs: number): void {
    this.#wouldForm = false;
    this.#cluster = cluster;
    this.#waitingFor = undefined;
    this.#joiningSinceMs = nowMs;
    this.#become(state, nowMs);
    for (const peer of this.#peers.values())
      if (peer.greeting !== undefined) this.#greeted(peer, { ...peer.greeting, answer: false }, nowMs);
  }

  #become(state: Exclude<Standing, "waiting">, nowMs: number): void {
    this.#standing = state;
    if (state === "left") this.#cluster = undefined;
    if (state !== "left" || this.#members.has(this.#self))
      this.#set({ node: this.#self, incarnation: this.#incarnation, state }, nowMs);
    this.#view = undefined;
    // What it finds is no list of members: until it is asked for its view it names none.
    const nodes = state === "joining" ? EMPTY : undefined;
    this.#tell([...this.#peers.keys()], { ...this.#greeting(false), nodes });
  }

  /** All that its members name are connected, or were tried. */
  #hasJoined(nowMs: number): boolean {
    if (nowMs - this.#joiningSinceMs >= this.#rules.joinMs) return true;
    return this.#named().every((node) => this.#isReached(node) || this.#dials.hasFailed(node));
  }

  #isReached(node: NodeName): boolean {
    return node === this.#self || this.#strangers.has(node) || this.#peers.get(node)?.greeting !== undefined;
  }

  /** The nodes that its members name. */
  #named(): readonly NodeName[] {
    return [...this.#peers.values()].flatMap(({ greeting, nodes }) =>
      greeting?.cluster === undefined ? EMPTY : nodes,
    );
  }

  #leaving(state: "leaving" | "left", nowMs: number): void {
    this.#unheard = new Set(this.#others());
    this.#leaveUntilMs = nowMs + this.#rules.leaveMs;
    this.#become(state, nowMs);
  }

  #leaveOn(nowMs: number): void {
    if (this.#hasLeft) return;
    const waiting = [...this.#unheard].some((node) => {
      const member = this.#members.get(node);
      return member !== undefined && isLive(member);
    });
    if (waiting && nowMs < this.#leaveUntilMs) return;
    if (this.#standing === "leaving") {
      if (this.#rules.arbitrated && !this.#hasEnded) return this.#end();
      this.#leaving("left", nowMs);
      if (this.#unheard.size > 0) return;
    }
    this.#hasLeft = true;
    this.#effects.push({ type: "left" });
  }

  #end(): void {
    if (!this.#isEnding) this.#effects.push({ type: "end" });
    this.#isEnding = true;
  }

  // What follows

  #next(nowMs: number): readonly Effect[] {
    switch (this.#standing) {
      case "waiting":
        this.#bootstrap(nowMs);
        break;
      case "joining":
        if (this.#hasJoined(nowMs)) this.#become("up", nowMs);
        break;
      case "leaving":
      case "left":
        this.#leaveOn(nowMs);
        break;
      case "up":
        break;
    }
    this.#dial(nowMs);
    return this.#taken();
  }

  #taken(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #bootstrap(nowMs: number): void {
    const observed = this.#observe(nowMs);
    const action = plan(observed, this.#rules, nowMs);
    this.#wouldForm = action.type === "form";
    // The arbiter gives it up, and says so later than others may take it.
    if (!this.#wouldForm && this.#claim.type === "held") this.#claim = UNCLAIMED;
    if (action.type === "wait") this.#waitingFor = action.reason;
    else if (action.type === "join") this.#enter(action.cluster, "joining", nowMs);
    else if (this.#rules.arbitrated && this.#claim.type !== "held") this.#waitingFor = this.#heldUp(this.#claim);
    // Of this life of this node: no other cluster is ever called so.
    else this.#enter(`${this.#self}/${this.#incarnation}`, "up", nowMs);
  }

  #heldUp(claim: Exclude<Claim, { readonly type: "held" }>): string {
    return claim.type === "open" ? claim.reason : `${claim.by} holds the cluster's lease, and is to be joined`;
  }

  #observe(nowMs: number): Observed {
    const candidates = new Map<NodeName, Contact | undefined>();
    // What other waiting nodes find is a candidate here too: lists may differ, agreement needs one. Each name once before
    // they are sorted, as everybody tells nearly the same.
    const named = new Set(this.#found);
    for (const { greeting, nodes } of this.#peers.values())
      if (greeting?.state === "waiting") for (const node of nodes) named.add(node);
    for (const node of [...named].sort(order))
      if (!this.#strangers.has(node)) candidates.set(node, this.#contact(node));
    const contacts = [...candidates].flatMap(([node, contact]) => (contact === undefined ? [] : node));
    const agreement = digestOf([[...candidates.keys()].join(" "), contacts.join(" ")]);
    if (agreement !== this.#agreement) {
      this.#agreement = agreement;
      this.#stableSinceMs = nowMs;
      // At once: until they hear of it the others count on what was said.
      if (this.#toldAgreement !== undefined) this.#tellAgreement(nowMs);
    }
    const clusters = [...this.#peers.values()].flatMap(({ greeting }) =>
      greeting?.state === "joining" || greeting?.state === "up" ? (greeting.cluster ?? []) : [],
    );
    return {
      self: this.#self,
      clusters,
      candidates,
      complete: this.#complete,
      agreement,
      stableSinceMs: this.#stableSinceMs,
    };
  }

  #contact(node: NodeName): Contact | undefined {
    if (node === this.#self) return { agreement: this.#agreement };
    const greeting = this.#peers.get(node)?.greeting;
    return greeting?.state === "waiting" ? { agreement: greeting.digest } : undefined;
  }

  #tellAgreement(nowMs: number): void {
    const settled = nowMs - this.#stableSinceMs >= this.#rules.stableMarginMs;
    this.#toldAgreement = settled ? this.#agreement : undefined;
    this.#tell(this.#untold([...this.#peers.keys()]), this.#greeting(true));
  }

  /** All are told of a view that has changed, and those are asked whose view differs. */
  #compareViews(): void {
    const { digest } = this.view;
    this.#tell(this.#untold(this.#others()), { type: "digest", node: this.#self, digest });
    for (const node of this.#others()) {
      const peer = this.#peers.get(node);
      const both = `${digest} ${peer?.digest}`;
      if (peer?.digest === undefined || peer.digest === digest || peer.asked === both) continue;
      peer.asked = both;
      this.#tell([node], { type: "ask", node: this.#self });
    }
  }

  // Connections

  #dial(nowMs: number): void {
    if (this.#standing === "leaving" || this.#standing === "left") return;
    const down = [...this.#members.values()].filter(({ state }) => state === "down").map(({ node }) => node);
    const told = [...this.#peers.values()].flatMap(({ nodes }) => nodes);
    // Discovery need not have found it: whoever holds the lease is in the cluster, or begins it.
    const holder = this.#wouldForm && this.#claim.type === "taken" ? [this.#claim.by] : EMPTY;
    const wanted = new Set([...this.#found, ...told, ...down, ...holder, ...this.#missing.keys()]);
    for (const node of [this.#self, ...this.#peers.keys(), ...this.#strangers]) wanted.delete(node);
    for (const node of this.#dials.due(wanted, nowMs)) this.#effects.push({ type: "dial", node });
  }

  // Messages

  #greeting(withNodes: boolean): Greeting {
    const waiting = this.#standing === "waiting";
    return {
      type: "greeting",
      name: this.#rules.name,
      node: this.#self,
      incarnation: this.#incarnation,
      state: this.#standing,
      cluster: this.#cluster,
      answer: false,
      nodes: withNodes ? (waiting ? [...this.#found] : [this.#self, ...this.#others()]) : undefined,
      digest: waiting ? this.#toldAgreement : this.view.digest,
    };
  }

  /** What changes of what is told to all. */
  #saying(): string {
    return this.#standing === "waiting" ? [this.#toldAgreement, ...this.#found].join(" ") : this.view.digest;
  }

  #untold(nodes: readonly NodeName[]): readonly NodeName[] {
    const saying = this.#saying();
    return nodes.filter((node) => this.#peers.get(node)?.told !== saying);
  }

  #tell(nodes: readonly NodeName[], message: Message): void {
    if (message.type === "greeting" || message.type === "digest")
      for (const node of nodes) {
        const peer = this.#peers.get(node);
        if (peer !== undefined) peer.told = this.#saying();
      }
    if (nodes.length > 0) this.#effects.push({ type: "tell", nodes, message });
  }
}
