// The second and third step: how to train, what it would cost, and the start.

import { h } from "../shell/element.js";
import { count, duration } from "../jobs/words.js";
import { askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";
import { buildBudget } from "./budget.js";
import { buildField } from "./field.js";
import { buildSettings } from "./form.js";
import { buildPresets } from "./presets.js";
import { buildStart } from "./start.js";
import { buildWebhook } from "./webhook.js";

const SAID_ELSEWHERE = ["data", "images"]; // by the data set and by the budget

/**
 * Returns `{ element, use(dataset), pick(preset) }`; nothing can be started before a data set is there.
 *
 * `from` is the version to start from that is chosen already, or an empty text; `chosen` is told of a preset that somebody picks.
 */
export function buildPlan(presets, { from, chosen }) {
  let dataset = null, preset = null, settings = null, picked = false;
  let speed = null; // { rate, device } of what is chosen, once somebody has timed it
  const cards = buildPresets(presets, choose);
  const model = h("input", {
    id: "plan-model", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9._\\-]*", autocomplete: "off", spellcheck: "false",
    value: from.split("@")[0],
  });
  const name = buildField({
    label: "Name of the model", input: model, hint: "Small letters, digits, dots and dashes. A name that is there gets a new version.",
  });
  const budget = buildBudget(() => tell());
  const start = buildStart(from);
  const promote = h(
    "select", { id: "plan-promote" }, h("option", { value: "never" }, "not by itself"),
    h("option", { value: "if_better" }, "if it is better than the one there"), h("option", { value: "always" }, "always"),
  );
  const place = h(
    "details", { class: "settings-part", oninput: () => { speed = null; tell(); } }, h("summary", {}, "All settings"),
  );
  const webhook = buildWebhook();
  const price = h("p", { class: "price", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const costs = h("button", { type: "button", class: "button", onclick: estimate }, "What would it cost?");
  const go = h("button", { class: "button primary", "aria-describedby": "plan-waits" }, "Start training");
  const waits = h("span", { id: "plan-waits", class: "soft small" });
  const element = h(
    "form", { class: "card step", novalidate: true, "aria-labelledby": "plan-title", onsubmit: begin },
    h("h2", { id: "plan-title" }, "How to train"), cards.element,
    h(
      "div", { class: "plan-fields" },
      name.element, budget.element, start.element, buildField({ label: "Goes into production", input: promote }).element,
    ),
    place, webhook.element, error, h("div", { class: "row apart" }, price, h("div", { class: "row" }, waits, costs, go)),
  );
  addEventListener("pageshow", ready); // whoever comes back finds the page as it was left: with the button off
  ready();

  function choose(wanted, { byHand }) {
    preset = wanted;
    picked ||= byHand;
    if (byHand) chosen(preset);
    settings = buildSettings(preset.settings, { without: SAID_ELSEWHERE });
    place.replaceChildren(place.firstChild, settings.element);
    budget.offer(preset);
    start.offer(preset.kind).catch(complain);
    ready();
    speed = preset.cost && { rate: preset.cost.images_per_second, device: preset.cost.device };
    tell();
  }

  function ready() {
    go.disabled = costs.disabled = !dataset || !preset;
    waits.textContent = dataset ? "" : "Pictures come first.";
  }

  function asked() {
    return {
      preset: preset.name, dataset: dataset.id, model: model.value.trim(), settings: settings.changes(), budget: budget.wanted(),
      resume_from: start.wanted(), promote: promote.value, webhook: webhook.wanted(),
    };
  }

  async function estimate() {
    clear();
    costs.disabled = true;
    price.textContent = "A worker takes ten steps to see …";
    try {
      const plan = await askJson("/v1/training-jobs", { json: { ...asked(), dry_run: true } });
      speed = plan.images_per_second && { rate: plan.images_per_second, device: plan.device };
      tell({ asked: true });
    } catch (problem) {
      refuse(problem);
    }
    ready();
  }

  async function begin(event) {
    event.preventDefault();
    clear();
    if (!model.checkValidity()) {
      name.tell("begins with a small letter or a digit; small letters, digits, dots, dashes and underscores may follow");
      return model.focus();
    }
    go.disabled = true;
    try {
      const job = await askJson("/v1/training-jobs", { json: asked() });
      location.assign(`/train?job=${job.id}`);
    } catch (problem) {
      refuse(problem);
      ready();
    }
  }

  function tell({ asked: timed = false } = {}) {
    if (!preset) return;
    if (!speed) {
      price.textContent = timed ? "No worker is free to time it now." : "Nobody has timed this here yet.";
      return;
    }
    const { rate, device } = speed;
    const images = budget.images(rate);
    price.textContent = images > 0
      ? `${count(Math.round(images))} pictures at ${count(Math.round(rate))} a second on ${device}: about ${duration(images / rate)}, then judging and publishing.` : "";
  }

  function clear() {
    settings.mark([]);
    for (const field of [name, budget, webhook]) field.tell("");
    error.textContent = "";
  }

  // Problems stand at their fields; what no field is to blame for stands above the buttons.
  function refuse(problem) {
    if (problem.name !== "Problem") throw problem;
    price.textContent = "";
    const blame = { model: ({ msg }) => name.tell(msg), budget: budget.blame, webhook: ({ msg }) => webhook.tell(msg) };
    const rest = settings.mark(problem.errors).filter((wrong) => {
      blame[wrong.loc[1]]?.(wrong);
      return !(wrong.loc[1] in blame);
    });
    if (problem.code === "webhook_refused") webhook.tell(problem.message);
    else error.textContent = problem.errors.length ? rest.map(({ loc, msg }) => `${loc.slice(1).join(".")} ${msg}`).join(" ") : problem.message;
    element.querySelector("[aria-invalid=true]")?.focus();
  }

  return {
    element,
    /** The pictures to train on, or null. */
    use(found) {
      dataset = found;
      if (dataset && !picked) cards.fit(dataset);
      if (dataset && !model.value) model.value = named(dataset.name);
      ready();
    },
    /** Choose a preset by its name. */
    pick(name) {
      picked = true;
      cards.pick(name);
    },
  };
}

function named(text) {
  return text.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "").slice(0, 64) || "my-model";
}
