/** The image with the two services and the visitors. The newsroom's come from the e2e suite. */
import makeNewsroomImages, { makeImage } from "../../e2e/images.ts";

export const image = `evaluation:${process.env["E2E_TAG"] ?? "e2e"}`;

export async function makeImages(): Promise<void> {
  await makeNewsroomImages();
  if (process.env["E2E_IMAGES_ARE_THERE"] !== undefined) return;
  await makeImage({ app: "evaluation", file: "evaluation/services/interlock.yaml", tag: image });
}
