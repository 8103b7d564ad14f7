// The second and third step: how to train, what it would cost, and the start.

import { h } from "../shell/element.js";
import { count, duration } from "../jobs/words.js";
import { askJson } from "../shell/service.js";
import { buildSettings } from "./form.js";
import { buildPresets } from "./presets.js";

const SAID_ELSEWHERE = ["data", "images"]; // by the data set and by the budget

/**
 * Returns `{ element, use(dataset), pick(preset) }`; nothing can be started before a data set is there.
 *
 * `chosen` is told of a preset that somebody picks.
 */
export function buildPlan(presets, chosen) {
  let dataset = null, preset = null, settings = null, picked = false;
  let speed = null; // { rate, device } of what is chosen, once somebody has timed it
  const cards = buildPresets(presets, choose);
  const model = h("input", {
    id: "plan-model", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9._\\-]*", autocomplete: "off", spellcheck: "false",
    "aria-describedby": "plan-model-hint plan-model-error",
  });
  const modelError = h("span", { id: "plan-model-error", class: "error" });
  const amount = h("input", { id: "plan-amount", inputmode: "decimal", autocomplete: "off", "aria-describedby": "plan-amount-error", oninput: () => tell() });
  const amountError = h("span", { id: "plan-amount-error", class: "error" });
  const unit = h(
    "select", { "aria-label": "Budget in", onchange: () => { budget(); tell(); } }, h("option", { value: "" }, "as the preset says"),
    h("option", { value: "images" }, "pictures"), h("option", { value: "minutes" }, "minutes"),
  );
  const promote = h(
    "select", { id: "plan-promote" }, h("option", { value: "never" }, "not by itself"),
    h("option", { value: "if_better" }, "if it is better than the one there"), h("option", { value: "always" }, "always"),
  );
  const place = h(
    "details", { class: "settings-part", oninput: () => { speed = null; tell(); } }, h("summary", {}, "All settings"),
  );
  const price = h("p", { class: "price", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const costs = h("button", { type: "button", class: "button", onclick: estimate }, "What would it cost?");
  const start = h("button", { class: "button primary" }, "Start training");
  const element = h(
    "form", { class: "card step", novalidate: true, "aria-labelledby": "plan-title", onsubmit: begin },
    h("h2", { id: "plan-title" }, "How to train"), cards.element,
    h(
      "div", { class: "plan-fields" },
      h("div", { class: "field" }, h("label", { for: "plan-model" }, "Name of the model"), model,
        h("small", { id: "plan-model-hint" }, "Small letters, digits, dots and dashes. A name that is there gets a new version."), modelError),
      h("div", { class: "field" }, h("label", { for: "plan-amount" }, "How long"), h("div", { class: "budget" }, amount, unit), amountError),
      h("div", { class: "field" }, h("label", { for: "plan-promote" }, "Goes into production"), promote),
    ),
    place, error, h("div", { class: "row apart" }, price, h("div", { class: "row" }, costs, start)),
  );
  ready();
  budget();

  function choose(wanted, { byHand }) {
    preset = wanted;
    picked ||= byHand;
    if (byHand) chosen(preset);
    settings = buildSettings(preset.settings, { without: SAID_ELSEWHERE });
    place.replaceChildren(place.firstChild, settings.element);
    budget();
    ready();
    speed = preset.cost && { rate: preset.cost.images_per_second, device: preset.cost.device };
    tell();
  }

  function budget() {
    amount.disabled = !unit.value;
    if (!unit.value) amount.value = preset ? count(preset.images) : "";
    else if (unit.value === "images" && preset) amount.value = preset.images;
    else if (unit.value === "minutes") amount.value = 10;
  }

  function ready() {
    start.disabled = costs.disabled = !dataset || !preset;
  }

  function asked(more = {}) {
    const number = Number(amount.value);
    return {
      preset: preset.name, dataset: dataset.id, model: model.value.trim(), settings: settings.changes(), promote: promote.value,
      ...(unit.value && { budget: { [unit.value]: Number.isNaN(number) ? amount.value : number } }), ...more,
    };
  }

  async function estimate() {
    clear();
    costs.disabled = true;
    price.textContent = "A worker takes ten steps to see …";
    try {
      const plan = await askJson("/v1/training-jobs", { json: asked({ dry_run: true }) });
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
      blame(model, modelError, "begins with a small letter or a digit; small letters, digits, dots, dashes and underscores may follow");
      return model.focus();
    }
    start.disabled = true;
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
    const images = unit.value === "minutes" ? 60 * rate * Number(amount.value) : unit.value ? Number(amount.value) : preset.images;
    price.textContent = images > 0
      ? `${count(Math.round(images))} pictures at ${count(Math.round(rate))} a second on ${device}: about ${duration(images / rate)}, then judging and publishing.` : "";
  }

  function clear() {
    settings.mark([]);
    for (const [input, place] of [[model, modelError], [amount, amountError]]) {
      input.setAttribute("aria-invalid", "false");
      place.textContent = "";
    }
    error.textContent = "";
  }

  function blame(input, place, text) {
    input.setAttribute("aria-invalid", "true");
    place.textContent = text;
  }

  // Problems stand at their fields; what no field is to blame for stands above the buttons.
  function refuse(problem) {
    if (problem.name !== "Problem") throw problem;
    price.textContent = "";
    const rest = settings.mark(problem.errors).filter(({ loc, msg }) => {
      const [input, place] = { model: [model, modelError], budget: [amount, amountError] }[loc[1]] ?? [];
      if (!input) return true;
      // A budget is one of two shapes, and the service tells what is wrong with it as either.
      if (loc[1] !== "budget" || loc[2].toLowerCase().startsWith(unit.value)) blame(input, place, msg);
      return false;
    });
    if (!problem.errors.length) error.textContent = problem.message;
    else error.textContent = rest.map(({ loc, msg }) => `${loc.slice(1).join(".")} ${msg}`).join(" ");
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
