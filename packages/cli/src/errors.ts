/** The coded errors of this package. The reference page of errors is generated from this file. */

/** What each code's `details` holds. */
export interface CliErrorDetails {
  /** A node of that id is none of this platform's. */
  readonly INTERLOCK_NO_SUCH_NODE: { readonly node: string; readonly known: readonly string[] };
  /** No node came up: each of them ended before it had said that it is ready, and again when it was started anew. */
  readonly INTERLOCK_NODES_START: { readonly entry: string; readonly problem: string };
  /** The port in front of the nodes cannot be had. */
  readonly INTERLOCK_BALANCER_PORT: { readonly host: string; readonly port: number; readonly problem: string };
  /** A visitor came while no node took any, or not the one that was asked for. Answered with 503. */
  readonly INTERLOCK_NO_NODE_READY: { readonly wanted: string | undefined };
  /** A node ended, or its connection broke, before it had answered, and another one could not be asked instead. Answered with 502. */
  readonly INTERLOCK_NODE_LOST: { readonly node: string; readonly problem: string };
  /** A node has not begun to answer in time. Answered with 504. */
  readonly INTERLOCK_NODE_SILENT: { readonly node: string; readonly afterMs: number };
  /** The launcher did not do what it was asked for, or gave no answer. */
  readonly INTERLOCK_PLATFORM_REQUEST: { readonly request: string; readonly problem: string };
  /** An option that cannot be used, or what a node was given by its environment. */
  readonly INTERLOCK_LAUNCH_OPTION: { readonly option: string; readonly got: string; readonly expected: string };
  /** The file that describes the application cannot be read, or says what it may not. */
  readonly INTERLOCK_APP_FILE: { readonly path: string; readonly problems: readonly string[] };
  /** The application cannot be packed. */
  readonly INTERLOCK_RELEASE: { readonly folder: string; readonly problem: string };
  /** A registry of images did not do what it was asked for. `status`: of HTTP; undefined when it gave no answer. */
  readonly INTERLOCK_REGISTRY: {
    readonly registry: string;
    readonly request: string;
    readonly status: number | undefined;
    readonly problem: string;
  };
  /** The API server does not let whoever deploys do that. */
  readonly INTERLOCK_DEPLOY_FORBIDDEN: { readonly what: string };
  /** Somebody else deploys the application, takes it back, or rotates the secrets of the cluster `app`. `since`: ISO 8601. */
  readonly INTERLOCK_DEPLOY_LOCKED: {
    readonly app: string;
    readonly namespace: string;
    readonly holder: string;
    readonly since: string | undefined;
  };
  /** The API server gave no answer for so long that others may have begun to do the same: what was going on here has ended. */
  readonly INTERLOCK_DEPLOY_LOCK_LOST: { readonly app: string; readonly namespace: string; readonly forMs: number };
  /** There is no namespace of that name to deploy to. */
  readonly INTERLOCK_NO_SUCH_NAMESPACE: { readonly namespace: string };
  /** Somebody interrupted the command, which may have done nothing yet, or some of it. */
  readonly INTERLOCK_INTERRUPTED: { readonly signal: string };
  /** No waiting will make this rollout succeed. */
  readonly INTERLOCK_ROLLOUT_FAILED: {
    readonly app: string;
    readonly problem:
      | "image_missing"
      | "bad_configuration"
      | "crashes"
      | "no_quota"
      /** Pods are not made for another reason than a quota: Pod Security, a limit range, a webhook. */
      | "not_admitted"
      /** No machine has room for a pod. */
      | "no_room"
      | "never_ready";
    readonly text: string;
  };
  /** The rollout goes on, and takes longer than was waited for. */
  readonly INTERLOCK_ROLLOUT_TIMEOUT: { readonly app: string; readonly timeoutMs: number };
  /** A Secret of the cluster is not as `interlock deploy` makes it. Nothing of it is shown. */
  readonly INTERLOCK_CLUSTER_SECRET: { readonly secret: string; readonly problem: string };
  /** Nodes with TLS and nodes without do not talk to each other, so a rolling update would make two clusters. */
  readonly INTERLOCK_TLS_CHANGE: { readonly cluster: string; readonly deployment: string; readonly has: boolean };
  /** Some pods have not got the new cookie or certificates. What was begun is kept, and all pods go on as they are. */
  readonly INTERLOCK_ROTATION_STALLED: {
    readonly cluster: string;
    readonly what: "cookie" | "certificates";
    readonly behind: readonly string[];
  };
  /** No error has that code. */
  readonly INTERLOCK_NO_SUCH_CODE: { readonly code: string; readonly similar: readonly string[] };
  /** The application was never deployed in that version, or it is not kept any more. `known`: those that are. */
  readonly INTERLOCK_NO_SUCH_REVISION: {
    readonly app: string;
    readonly revision: number | undefined;
    readonly known: readonly number[];
  };
  /** No nodes of that application run where they were looked for. */
  readonly INTERLOCK_NO_SUCH_CLUSTER: { readonly app: string | undefined; readonly looked: readonly string[] };
  /** The API server makes no connection to a port of a pod. */
  readonly INTERLOCK_PORT_FORWARD: {
    readonly pod: string;
    readonly namespace: string;
    readonly port: number;
    readonly problem: string;
  };
  /** The prompt only reads unless it was started otherwise. */
  readonly INTERLOCK_READ_ONLY: { readonly operation: string };
  /** The program of a node cannot be found or loaded. */
  readonly INTERLOCK_ENTRY: { readonly entry: string; readonly problem: string };
  /** A new project would be mixed with what is in its folder. */
  readonly INTERLOCK_FOLDER_NOT_EMPTY: { readonly folder: string };
}

export type CliErrorCode = keyof CliErrorDetails;

/** What to try, by code. */
export const cliHints: { readonly [Code in CliErrorCode]: string } = {
  INTERLOCK_NO_SUCH_NODE: "Take one of the ids that interlock nodes, or nodes(), lists.",
  INTERLOCK_NODES_START:
    "Read what the nodes printed above; run the entry file alone, without the launcher, to see it fail by itself.",
  INTERLOCK_BALANCER_PORT: "Free the port, or choose another one; 0 takes any that is free.",
  INTERLOCK_NO_NODE_READY: "Try again in a moment: nodes that have ended are started again.",
  INTERLOCK_NODE_LOST: "Whether it was done is not known: look before sending it again.",
  INTERLOCK_NODE_SILENT: "Look what the node is busy with; long work begins its answer at once or is answered later.",
  INTERLOCK_PLATFORM_REQUEST:
    "See whether the launcher still runs; the address and the token that nodes are given are good for as long as it does.",
  INTERLOCK_APP_FILE: "Correct the keys that the message names; those there are: docs/kubernetes.md, interlock.yaml.",
  INTERLOCK_RELEASE: "Install what the application needs (npm install), build the workspace's packages, and try again.",
  INTERLOCK_REGISTRY:
    "Check the image's name and that the registry can be reached; log in where it asks who you are: docker login REGISTRY.",
  INTERLOCK_DEPLOY_FORBIDDEN:
    "Have your cluster's administrator grant what the message names, or deploy to a namespace of yours.",
  INTERLOCK_DEPLOY_LOCKED:
    "Wait until it is done. One that has died is found out by itself: its lock is taken over after 15 s.",
  INTERLOCK_DEPLOY_LOCK_LOST:
    "See that the API server can be reached, and how far it is with interlock status, before anything is done again.",
  INTERLOCK_NO_SUCH_NAMESPACE: "Make it (--create-namespace), or take one that there is: --namespace.",
  INTERLOCK_INTERRUPTED:
    "What was done by then stays: see with interlock status how far it is. A deployment and a rotation go on when they are called again.",
  INTERLOCK_ROLLOUT_FAILED:
    "The pods of before go on serving. Correct what the message names and deploy again, or take it back: interlock undo.",
  INTERLOCK_ROLLOUT_TIMEOUT: "Look at it with interlock status -w, or wait longer: --timeout.",
  INTERLOCK_NO_SUCH_CLUSTER:
    "Start them (npm start, interlock deploy), or say where they are: --app, --namespace and --context, or --local.",
  INTERLOCK_PORT_FORWARD:
    "Who asks needs create on pods/portforward, and the pod has to run; or ask from inside: kubectl exec a pod of it.",
  INTERLOCK_READ_ONLY: "Start it with interlock remote NODE --write: what a call does there is the server's affair.",
  INTERLOCK_CLUSTER_SECRET: "Deploy once, if it is not there; else correct the Secret, or delete it and deploy again.",
  INTERLOCK_TLS_CHANGE:
    "Say spec.tls as the cluster has it; or scale all of its Deployments to 0 first, and deploy then: that stops the application.",
  INTERLOCK_ROTATION_STALLED:
    "See what keeps these pods from it (kubectl describe pod), and call the same command again: it goes on where it was.",
  INTERLOCK_NO_SUCH_CODE:
    "Copy the code from the message; all of them: docs/errors.md, or interlock explain without a code.",
  INTERLOCK_NO_SUCH_REVISION: "Take one of the revisions that the message names, or deploy the version that you want.",
  INTERLOCK_ENTRY:
    "Name the file in spec.entry of interlock.yaml, in main of package.json, or behind the command: interlock run src/main.ts.",
  INTERLOCK_FOLDER_NOT_EMPTY: "Take another name, or an empty folder.",
  INTERLOCK_LAUNCH_OPTION: "Correct the option that the message names.",
};

/** A refusal of this package. `code` is stable, `details` is typed by it, `hint` says what to try. */
export class CliError<Code extends CliErrorCode = CliErrorCode> extends Error {
  readonly code: Code;
  readonly details: CliErrorDetails[Code];

  constructor(code: Code, message: string, details: CliErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  override get name(): string {
    return "CliError";
  }

  get hint(): string {
    return cliHints[this.code];
  }
}
Object.defineProperty(CliError.prototype, Symbol.for("interlock.error"), { value: true });

export function badOption(option: string, got: string, expected: string): CliError<"INTERLOCK_LAUNCH_OPTION"> {
  return new CliError("INTERLOCK_LAUNCH_OPTION", `Bad ${option}: got ${got}, expected ${expected}`, {
    option,
    got,
    expected,
  });
}
