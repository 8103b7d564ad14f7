// <key-card>: one key, what it allows, how much it is used, and what can be done with it.

import { askInDialog, tellInDialog } from "../shell/dialog.js";
import { h } from "../shell/element.js";
import { tellSecret } from "./form.js";
import { askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";

const GRACE = { 0: "at once", 3600: "in an hour", 86400: "in a day", 604800: "in a week" };
const TONES = { active: "good", expired: "busy", revoked: "bad" };
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export class KeyCard extends HTMLElement {
  /** The key as the service tells it. */
  shown;

  constructor(shown) {
    super();
    this.shown = shown;
  }

  connectedCallback() {
    this.setAttribute("role", "listitem");
    this.classList.add("card");
    this.#tell();
  }

  #tell() {
    const { id, name, owner, scopes, status, created_at, expires_at, revoked_at, last_used_at } = this.shown;
    this.dataset.status = status;
    const facts = { Made: when(created_at), "Last used": last_used_at ? when(last_used_at) : "not yet" };
    if (revoked_at) facts.Revoked = when(revoked_at);
    else if (expires_at) facts[status === "expired" ? "Ended" : "Ends"] = when(expires_at);
    if (owner !== id) facts.Shares = owner;
    this.replaceChildren(
      h("div", { class: "row apart" }, h("h2", {}, name), h("span", { class: "badge", "data-tone": TONES[status] }, status)),
      h("p", { class: "row" }, scopes.map((scope) => h("span", { class: "badge" }, scope))),
      h("dl", { class: "facts" }, Object.entries(facts).map(([fact, value]) => [h("dt", {}, fact), h("dd", {}, value)]),
        h("dt", {}, "Id"), h("dd", { class: "mono" }, id)),
      h("div", { class: "row" },
        button("Use", name, () => this.#use()),
        status === "active" && button("Rotate", name, () => this.#rotate()),
        status === "active" && button("Revoke", name, () => this.#revoke(), "danger")),
    );
  }

  async #rotate() {
    const { id, name } = this.shown;
    const grace = h("select", { name: "grace_seconds" }, Object.entries(GRACE).map(([value, text]) =>
      h("option", { value, selected: value === "86400" }, text)));
    const rotated = await askInDialog({
      title: `Rotate ${name}`,
      content: [
        h("p", {}, "It gets a new secret. The one before goes on to work for a while, so that clients can change over."),
        h("label", { class: "field" }, h("span", {}, "The secret before ends"), grace),
      ],
      action: "Rotate it",
      act: (data) => askJson(`/v1/keys/${id}/rotate`, { json: { grace_seconds: Number(data.get("grace_seconds")) } }),
    });
    if (!rotated) return;
    this.#change(rotated);
    tellSecret(rotated);
  }

  async #revoke() {
    const { id, name } = this.shown;
    const revoked = await askInDialog({
      title: `Revoke ${name}?`,
      content: [h("p", {}, "It opens nothing from now on, and cannot be brought back. What it made stays.")],
      action: "Revoke it",
      danger: true,
      act: () => askJson(`/v1/keys/${id}`, { method: "DELETE" }),
    });
    if (revoked) this.#change(revoked);
  }

  async #use() {
    const { id, name, last_used_at } = this.shown;
    const { data, budget } = await askJson(`/v1/usage?key=${id}&days=31`);
    const rows = data.map(({ day, hits, drawn }) => h("tr", {}, h("th", { scope: "row" }, day), number(hits), number(drawn)));
    tellInDialog({
      title: `Use of ${name}`,
      content: [
        h("p", {}, last_used_at ? `Last used ${when(last_used_at)}.` : "The key itself has not been used yet."),
        h("p", {}, `Its signed addresses, of the last 31 days${budget ? `, with a budget of ${budget.toLocaleString()} pictures a day` : ""}:`),
        rows.length
          ? h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Use by day" }, h("table", {},
              h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Day"), h("th", { class: "number", scope: "col" }, "Asked for"),
                h("th", { class: "number", scope: "col" }, "Drawn"))),
              h("tbody", {}, rows)))
          : h("p", { class: "soft" }, "Nobody has asked for one."),
      ],
    });
  }

  #change(told) {
    const { secret: _, ...shown } = told;
    this.shown = shown;
    this.#tell();
    this.dispatchEvent(new Event("changed", { bubbles: true }));
  }
}

function button(text, name, act, look = "") {
  return h("button", { type: "button", class: `button small ${look}`, "aria-label": `${text}: ${name}`, onclick: () => act().catch(complain) }, text);
}

function number(value) {
  return h("td", { class: "number" }, value.toLocaleString());
}

function when(text) {
  return TIME.format(new Date(text));
}

customElements.define("key-card", KeyCard);
