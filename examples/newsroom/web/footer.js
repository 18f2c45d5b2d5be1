/** `<courier-footer>`: what is real here and what is not. */
import { h } from "./dom.js";

class Footer extends HTMLElement {
  connectedCallback() {
    this.replaceChildren(
      h(
        "footer",
        { class: "footer" },
        h(
          "p",
          {},
          h("strong", {}, "The quotes are history."),
          " Monthly closes of the S&P 500 and five stocks, 2000 to 2010, from the ",
          h("code", {}, "vega-datasets"),
          " package, replayed one month a second. They are real, old, and no advice.",
        ),
        h("p", {}, h("strong", {}, "The town is not real."), " Lockgate, its people and its heron are invented."),
        h(
          "p",
          {},
          h("strong", {}, "The failures are real."),
          " What you break on ",
          h("a", { href: "/break" }, "this page"),
          " throws inside the running newsroom, and is healed there.",
        ),
      ),
    );
  }
}

customElements.define("courier-footer", Footer);
