/** `<courier-masthead page="front">`: the name of the paper, the way around it, and the light switch. */
import { formatDay, h } from "./dom.js";

const pages = [
  { page: "front", href: "/", text: "Front page" },
  { page: "desk", href: "/desk", text: "News desk" },
  { page: "break", href: "/break", text: "Break things" },
];

class Masthead extends HTMLElement {
  connectedCallback() {
    const here = this.getAttribute("page");
    const big = here === "front";
    this.classList.toggle("is-big", big);
    this.replaceChildren(
      h(
        "header",
        { class: "masthead" },
        h("a", { class: "skip-link", href: "#main" }, "Skip to the news"),
        h(
          "div",
          { class: "masthead-bar" },
          h("time", { class: "masthead-date" }, formatDay(new Date())),
          h(
            "nav",
            { "aria-label": "Pages" },
            pages.map(({ page, href, text }) => h("a", { href, "aria-current": page === here && "page" }, text)),
          ),
          themeSwitch(),
        ),
        h(big ? "h1" : "p", { class: "masthead-name" }, h("a", { href: "/" }, "The Lockgate Courier")),
        big &&
          h(
            "p",
            { class: "masthead-motto" },
            h("span", {}, "Founded on a canal"),
            h("em", {}, this.getAttribute("motto") ?? ""),
            h("span", {}, "One process a story"),
          ),
      ),
    );
  }
}

function themeSwitch() {
  const dark = () =>
    (document.documentElement.dataset.theme ??
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = h("button", { type: "button", class: "theme-switch" });
  const show = () => {
    button.textContent = dark() ? "Day edition" : "Night edition";
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    show();
  });
  show();
  return button;
}

customElements.define("courier-masthead", Masthead);
