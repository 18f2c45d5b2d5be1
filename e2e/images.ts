/** Before all tests: the packages are built, and the images are made by `interlock release` and given to the nodes. Once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images, interlock, kubectl, root, run, say } from "./kubernetes.ts";

const tag = process.env["E2E_TAG"] ?? "e2e";
/** What `deploy` is given with `--image`. */
export const image = {
  proof: `proof:${tag}`,
  keeper: `keeper:${tag}`,
  newsroom: `newsroom:${tag}`,
  archive: `newsroom-archive:${tag}`,
} as const;

const released = [
  { file: "e2e/apps/proof/interlock.yaml", app: "proof", tag: image.proof },
  { file: "e2e/apps/keeper/interlock.yaml", app: "keeper", tag: image.keeper },
  { file: "examples/newsroom/interlock.yaml", app: "newsroom", tag: image.newsroom },
  { file: "examples/newsroom/archive.interlock.yaml", app: "newsroom-archive", tag: image.archive },
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
  const out = await mkdtemp(join(tmpdir(), "interlock-e2e-"));
  try {
    for (const { app, file, tag: name } of released) {
      if (!chosen(app)) continue;
      const thin = images.isThin ? ["--thin"] : [];
      await interlock("release", "-f", join(root, file), "--base", images.base, ...thin, "--out", out, "--tag", name);
      const [loader = "", ...args] = images.loader.split(" ");
      await run(loader, [...args, join(out, `${app}.tar`)]);
      say(`image ${name}`);
    }
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
