/** Names of images, as everybody writes them: `registry:5000/team/bank:1.4.0`, `node:26`, `team/bank@sha256:…`. */
import { badOption } from "../errors.ts";

export interface ImageReference {
  /** Host, and port if it has one. */
  readonly registry: string;
  /** `team/bank` */
  readonly repository: string;
  /** A tag, or a digest. */
  readonly reference: string;
}

const REPOSITORY = /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Without a registry it is Docker's, as for every other tool. **Errors** `INTERLOCK_LAUNCH_OPTION`. */
export function imageReference(text: string, option: string): ImageReference {
  const [named = "", digest] = text.split("@");
  const [first = "", ...rest] = named.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = hasRegistry ? rest.join("/") : named;
  const [name = "", tag = "latest"] = path.split(":");
  const registry = hasRegistry ? first : "registry-1.docker.io";
  const repository = hasRegistry || name.includes("/") ? name : `library/${name}`;
  const reference = digest ?? tag;
  if (!REPOSITORY.test(repository) || !(digest === undefined ? TAG : DIGEST).test(reference))
    throw badOption(option, JSON.stringify(text), "the name of an image, such as registry:5000/team/bank:1.4.0");
  return { registry, repository, reference };
}
