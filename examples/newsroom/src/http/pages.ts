/** The pages as they lie in `web/`: no build, so what is edited is what is served. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Context } from "hono";

export const webDirectory = fileURLToPath(new URL("../../web", import.meta.url));

export type Page = "front.html" | "article.html" | "break.html" | "desk.html" | "not-found.html";

export async function page(c: Context, name: Page, status: 200 | 404 = 200): Promise<Response> {
  return c.html(await readFile(`${webDirectory}/${name}`, "utf8"), status);
}

/** With the motto that the configuration says now. */
export async function frontPage(c: Context, motto: string): Promise<Response> {
  const text = await readFile(`${webDirectory}/front.html`, "utf8");
  return c.html(text.replace('page="front"', () => `page="front" motto="${escaped(motto)}"`));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
