/** The image with the two services and the visitors. The newsroom's come from the e2e suite. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import makeNewsroomImages from "../../e2e/images.ts";
import { images, interlock, root, run } from "../../e2e/kubernetes.ts";

export const image = `evaluation:${process.env["E2E_TAG"] ?? "e2e"}`;

export async function makeImages(): Promise<void> {
  await makeNewsroomImages();
  if (process.env["E2E_IMAGES_ARE_THERE"] !== undefined) return;
  const out = await mkdtemp(join(tmpdir(), "interlock-evaluation-"));
  try {
    const file = join(root, "evaluation/services/interlock.yaml");
    const thin = images.isThin ? ["--thin"] : [];
    await interlock("release", "-f", file, "--base", images.base, ...thin, "--out", out, "--tag", image);
    const [loader = "", ...args] = images.loader.split(" ");
    await run(loader, [...args, join(out, "evaluation.tar")]);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
