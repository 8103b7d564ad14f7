// <copy-as>: what is on the page of faces as something to paste, and a button that copies it.

import { h, icon } from "../shell/element.js";
import { key } from "../shell/key.js";
import { askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";
import { snippets } from "./snippets.js";
import { picture } from "./view.js";

const TABS = { image: "Image", tag: "Web component", curl: "curl", python: "Python", openai: "OpenAI client", link: "Link" };
const PAUSE = 400; // milliseconds without a change before an address is signed

export class CopyAs extends HTMLElement {
  #chosen = "image";
  #texts = {};
  #timer = 0;
  #signing = new AbortController(); // of the view that is offered now
  #tabs = Object.entries(TABS).map(([name, title]) => h(
    "button", { type: "button", role: "tab", id: `as-${name}`, "aria-controls": "as", onclick: () => this.#choose(name) }, title,
  ));
  #code = h("code", { id: "snippet" });
  #copied = h("span", {}, "Copy");

  connectedCallback() {
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Copy as" }, this.#tabs);
    list.addEventListener("keydown", (event) => this.#move(event));
    const button = h("button", { type: "button", class: "button small", onclick: () => this.#copy() }, icon("copy", 16), this.#copied);
    this.append(list, h("div", { id: "as", role: "tabpanel", class: "snippet" }, h("pre", { tabindex: 0 }, this.#code), button));
    this.#choose(this.#chosen);
  }

  /** Offer what shows `view`. */
  show(view) {
    clearTimeout(this.#timer);
    this.#signing.abort();
    this.#signing = new AbortController();
    const { signal } = this.#signing;
    const tell = (signed) => {
      this.#texts = snippets(view, { origin: location.origin, page: location.href, keyed: Boolean(key()), signed });
      this.#code.textContent = this.#texts[this.#chosen];
    };
    tell("");
    // A key has no place in a page that others read; a signature has.
    if (key()) {
      this.#timer = setTimeout(() => {
        askJson("/v1/signatures", { json: { path: picture(view) }, signal })
          .then(({ url }) => { if (!signal.aborted) tell(url); })
          .catch((problem) => { if (!signal.aborted) complain(problem); });
      }, PAUSE);
    }
  }

  #choose(name) {
    this.#chosen = name;
    for (const tab of this.#tabs) {
      const chosen = tab.id === `as-${name}`;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.querySelector("#as").setAttribute("aria-labelledby", `as-${name}`);
    this.#code.textContent = this.#texts[name] ?? "";
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step && this.#tabs.at((this.#tabs.indexOf(document.activeElement) + step) % this.#tabs.length);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#code.textContent);
      this.#copied.textContent = "Copied";
    } catch {
      // Without permission, or on a page that is not secure: marked, it is one key press away.
      getSelection().selectAllChildren(this.#code);
      this.#copied.textContent = "Marked";
    }
    setTimeout(() => { this.#copied.textContent = "Copy"; }, 1500);
  }
}

customElements.define("copy-as", CopyAs);
