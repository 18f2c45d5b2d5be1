/** Before all tests: the packages are built, and the images are made by `interlock release` and given to the nodes. Once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images, interlock, kubectl, root, run, say } from "./kubernetes.ts";

const version = process.env["E2E_TAG"] ?? "e2e";
/** What `deploy` is given with `--image`. */
export const image = {
  proof: `proof:${version}`,
  keeper: `keeper:${version}`,
  newsroom: `newsroom:${version}`,
  archive: `newsroom-archive:${version}`,
  visitors: `newsroom-visitors:${version}`,
} as const;

interface ReleasedImage {
  readonly app: string;
  /** Of the application, from the repository's root. */
  readonly file: string;
  readonly tag: string;
}

const released: readonly ReleasedImage[] = [
  { file: "e2e/apps/proof/interlock.yaml", app: "proof", tag: image.proof },
  { file: "e2e/apps/keeper/interlock.yaml", app: "keeper", tag: image.keeper },
  { file: "examples/newsroom/interlock.yaml", app: "newsroom", tag: image.newsroom },
  { file: "examples/newsroom/archive.interlock.yaml", app: "newsroom-archive", tag: image.archive },
  { file: "examples/newsroom-visitors/interlock.yaml", app: "newsroom-visitors", tag: image.visitors },
];

/** E2E_IMAGES names those that a run needs: all are made otherwise. */
const chosen = (app: string): boolean => (process.env["E2E_IMAGES"] ?? app).split(",").includes(app);

export default async function setUp(): Promise<void> {
  if (
    !(await kubectl("version").then(
      () => true,
      () => false,
    ))
  )
    return say("no Kubernetes answers");
  if (process.env["E2E_IMAGES_ARE_THERE"] !== undefined) return say("images: those that are there");
  await run("node", ["scripts/build.ts"]);
  for (const one of released) if (chosen(one.app)) await makeImage(one);
}

/** Releases an application and gives its image to the nodes. */
export async function makeImage({ app, file, tag }: ReleasedImage): Promise<void> {
  const out = await mkdtemp(join(tmpdir(), "interlock-image-"));
  try {
    const thin = images.isThin ? ["--thin"] : [];
    await interlock("release", "-f", join(root, file), "--base", images.base, ...thin, "--out", out, "--tag", tag);
    const [loader = "", ...args] = images.loader.split(" ");
    await run(loader, [...args, join(out, `${app}.tar`)]);
    say(`image ${tag}`);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
