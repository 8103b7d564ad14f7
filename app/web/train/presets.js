// The ways of training, as cards to choose from: those for pictures of one's own first.

import { h } from "../shell/element.js";
import { count, duration } from "../jobs/words.js";

/**
 * Cards for the presets. `chosen` is told of the one that is picked, and whether somebody did so by hand.
 *
 * Returns `{ element, pick(name), fit(dataset) }`.
 */
export function buildPresets(presets, chosen) {
  const own = presets.filter(({ defaults }) => !defaults.data).sort((a, b) => weight(a) - weight(b));
  const others = presets.filter(({ defaults }) => defaults.data);
  const element = h(
    "div", { class: "stack", role: "radiogroup", "aria-label": "Preset" },
    h("div", { class: "presets" }, own.map(card)),
    h("details", {}, h("summary", {}, "Those of the bundled models, and benchmarks"), h("div", { class: "presets" }, others.map(card))),
  );

  function card(preset) {
    const { name, kind, description, images, cost } = preset;
    const input = h("input", { type: "radio", name: "preset", value: name, onchange: () => chosen(preset, { byHand: true }) });
    const price = cost ? `about ${duration(cost.seconds)} on ${cost.device}` : "";
    return h(
      "label", { class: "preset" }, input,
      h("span", {}, h("strong", {}, name), h("span", { class: "small" }, description),
        h("small", { class: "soft" }, [kind, `${count(images)} pictures seen`, price].filter(Boolean).join(" · "))),
    );
  }

  function pick(name) {
    const input = [...element.querySelectorAll("input")].find(({ value }) => value === name);
    if (!input) return;
    input.checked = true;
    const part = input.closest("details");
    if (part) part.open = true;
    chosen(presets.find((preset) => preset.name === name), { byHand: false });
  }

  /** Pick the least of the presets that are made for pictures like these. */
  function fit({ classes, report }) {
    const kind = Object.keys(classes).length > 1 ? "classifier" : "generator";
    const wanted = own.filter((preset) => preset.kind === kind);
    const channels = ({ defaults }) => (defaults.network ?? defaults.generator).channels;
    const best = wanted.find((preset) => channels(preset) === (report.grey ? 1 : 3)) ?? wanted[0];
    if (best) pick(best.name);
  }

  return { element, pick, fit };
}

// Roughly how much work a preset is, to begin with the least.
function weight({ kind, images, defaults }) {
  const { widths } = defaults.network ?? defaults.generator;
  return (kind === "generator" ? 1e9 : 0) + images + widths.reduce((sum, width) => sum + width, 0);
}
