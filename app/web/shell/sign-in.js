// <likeness-sign-in>: asks for a key when the service wants one, and lets one sign out again.

import { h } from "./element.js";
import { decline, forget, key, use } from "./key.js";

const SENDABLE = /^[ -ÿ]+$/; // in a header

export class SignIn extends HTMLElement {
  #button = h("button", { type: "button", class: "button small", onclick: () => (key() ? this.#leave() : this.#open()) });
  #input = h("input", {
    id: "key-text", type: "password", required: true, autocomplete: "current-password", spellcheck: "false",
    "aria-describedby": "key-hint key-error",
  });
  #error = h("p", { id: "key-error", class: "error", role: "alert" });
  #dialog = h(
    "dialog", { class: "dialog", "aria-labelledby": "key-title", oncancel: () => decline() },
    h(
      "form", { class: "stack", method: "dialog", onsubmit: (event) => this.#enter(event) },
      h("h2", { id: "key-title" }, "Sign in"),
      h("p", { id: "key-hint", class: "soft" }, "This service asks for a key. It stays in this tab and ends with it."),
      // Password managers file a key under a name.
      h("input", { type: "text", class: "unseen", name: "username", autocomplete: "username", value: "Likeness",
        tabindex: -1, "aria-hidden": "true", readonly: true }),
      h("label", { class: "field" }, h("span", {}, "Key"), this.#input),
      this.#error,
      h(
        "div", { class: "row end" },
        h("button", { type: "button", class: "button quiet", onclick: () => this.#refuse() }, "Not now"),
        h("button", { class: "button primary" }, "Sign in"),
      ),
    ),
  );

  connectedCallback() {
    this.append(this.#button, this.#dialog);
    document.addEventListener("likeness-key-wanted", this);
    document.addEventListener("likeness-key-changed", this);
    this.#tell();
  }

  disconnectedCallback() {
    document.removeEventListener("likeness-key-wanted", this);
    document.removeEventListener("likeness-key-changed", this);
  }

  handleEvent({ type }) {
    if (type === "likeness-key-wanted") this.#open();
    this.#tell();
  }

  // A service that wants no key never makes anybody see the button.
  #tell() {
    if (key() || this.#dialog.open) this.hidden = false;
    this.#button.textContent = key() ? "Sign out" : "Sign in";
  }

  #open() {
    this.hidden = false;
    this.#input.value = "";
    this.#error.textContent = key() ? "The service does not know this key, or no longer." : "";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  async #enter(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    // With anything else the browser fails as if nobody answered.
    const answer = SENDABLE.test(text)
      ? await fetch("/v1/models", { headers: { Authorization: `Bearer ${text}` } }).catch(() => null)
      : new Response(null, { status: 401 });
    // A key that may not list models is a key all the same.
    if (!answer || answer.status === 401) {
      this.#error.textContent = answer ? "The service does not know this key." : "The service does not answer.";
      return;
    }
    this.#dialog.close();
    // What had been given up without a key begins again.
    if (!use(text)) location.reload();
  }

  #refuse() {
    this.#dialog.close();
    decline();
  }

  #leave() {
    forget();
    location.reload();
  }
}

customElements.define("likeness-sign-in", SignIn);
