// One model: its versions with what can be done to them, a place to try them, and its card.

import { byId, h } from "../shell/element.js";
import { brief } from "../jobs/words.js";
import { card } from "./card.js";
import { buildTrial } from "./trial.js";
import { buildVersion } from "./version.js";
import { askJson } from "../shell/service.js";

/** Show the model called `name` on the page. */
export async function showModel(name) {
  const address = `/v1/models/${encodeURIComponent(name)}`;
  let model = await askJson(address);
  const trial = buildTrial(model.kind);
  const versions = h("div", { class: "stack" });
  const about = h("section", { class: "card prose", "aria-label": "Card" });
  const facts = h("p", { class: "soft" });

  document.title = `${name} · Models · Likeness`;
  byId("main").replaceChildren(
    h(
      "header", { class: "page-head" }, h("p", { class: "small" }, h("a", { href: "/models" }, "Models"), ` › ${name}`), h("h1", {}, name), facts,
    ),
    h("section", { class: "stack", "aria-labelledby": "versions-title" }, h("h2", { id: "versions-title" }, "Versions"), versions),
    trial.element, about,
  );
  render();

  function render() {
    const newest = model.versions[0];
    facts.textContent = [
      model.kind, `${newest.input.size} pixels, ${newest.input.channels === 1 ? "grey" : "colour"}`,
      newest.labels.length ? `${newest.labels.length} classes` : "", model.default ? "the default" : "",
      model.version ? "" : "no version is in production",
    ].filter(Boolean).join(" · ");
    versions.replaceChildren(...model.versions.map((version) => buildVersion(model, version, reread)));
    const candidates = model.versions.map(({ version, aliases }) => ({ ref: `${name}@${version}`, name: [brief(version), ...aliases].join(", ") }));
    const [first, second] = model.versions.map(({ version }) => `${name}@${version}`);
    trial.offer(candidates, { left: model.version ? `${name}@${model.version}` : first, right: second && (model.version === model.versions[0].version ? second : first) });
    about.replaceChildren(...card(model.card));
    about.hidden = !model.card;
  }

  // After a change; the last version takes the model with it.
  async function reread({ gone = false } = {}) {
    if (gone && model.versions.length === 1) return location.assign("/models");
    model = await askJson(address);
    return render();
  }
}
