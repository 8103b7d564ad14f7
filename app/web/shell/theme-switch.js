// <likeness-theme-switch>: a button to the other theme.

import { h, icon } from "./element.js";
import { choose, isDark } from "./theme.js";

export class ThemeSwitch extends HTMLElement {
  #button = h("button", { type: "button", class: "button quiet square", onclick: () => choose(!isDark()) });

  connectedCallback() {
    this.append(this.#button);
    document.addEventListener("likeness-theme-changed", this);
    this.handleEvent();
  }

  disconnectedCallback() {
    document.removeEventListener("likeness-theme-changed", this);
  }

  handleEvent() {
    const [drawing, text] = isDark() ? ["sun", "Light theme"] : ["moon", "Dark theme"];
    this.#button.replaceChildren(icon(drawing));
    this.#button.setAttribute("aria-label", text);
    this.#button.title = text;
  }
}

customElements.define("likeness-theme-switch", ThemeSwitch);
