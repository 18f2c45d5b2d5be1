/** Small tools over the document. Text always goes in as text, never as markup. */

/**
 * Makes an element: `h("a", { href: "/" }, "Front page")`. A property named `on…` is a listener, `data` goes to the
 * data set, and what is undefined, null or false is left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const formatDay = (date) => day.format(new Date(date));
export const formatShortDay = (date) => shortDay.format(new Date(date));
export const formatClock = (date) => clock.format(new Date(date));

/** `3 s`, `2 min 5 s`, `1 h 4 min` */
export function formatAge(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What the server refused, as it said it. */
export class Refusal extends Error {
  constructor({ code, message, hint }, status) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.status = status;
  }
}

/** A JSON request. Rejects with a `Refusal` that always has a code, a message and a hint. */
export async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(
      {
        code: "NEWSROOM_UNREACHABLE",
        message: "The newsroom does not answer.",
        hint: "Is it running? The page goes on trying.",
      },
      0,
    );
  }
  const body = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Refusal(
      body ?? { code: "NEWSROOM_ERROR", message: `The newsroom answered ${response.status}.`, hint: "" },
      response.status,
    );
  }
  return body;
}
