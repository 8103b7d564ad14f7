// The figures of a training as plots: losses, then how well it does, then the rest.

import { h } from "../shell/element.js";
import "../plot/plot.js";

const PLOTS = [
  // Title, and the names of its figures; a figure stands in the first plot that wants it.
  ["Loss", /loss|nll$/],
  ["Accuracy", /accuracy$/],
  ["Calibration error", /ece$/],
  ["Learning rate", /^learning_rate$/],
  ["Margin", /^margin/],
  ["Other figures", /^(?!test_)/], // those of the test have scales of their own, and stand in the result
];
const NO_LINE = /_count$/; // how many pictures a figure was measured on is no curve

/** Returns `{ element, add(data), ended() }`; data is that of a `metrics` event. */
export function buildFigures() {
  const lines = new Map(); // name to points
  const plots = new Map(); // title to its element
  const none = h("p", { class: "empty" }, "Figures come as soon as it trains.");
  const shown = h("div", { class: "plots" }, none);
  const element = h("section", { class: "stack", "aria-labelledby": "figures-title" }, h("h2", { id: "figures-title" }, "Figures"), shown);

  function add({ images, at: _, ...values }) {
    none.remove();
    for (const [name, value] of Object.entries(values)) {
      if (value === null || NO_LINE.test(name)) continue;
      const points = lines.get(name) ?? [];
      // A run that went back to a snapshot measures these pictures again.
      while (points.length && points.at(-1)[0] >= images) points.pop();
      points.push([images, value]);
      lines.set(name, points);
    }
    for (const [at, [title]] of PLOTS.entries()) {
      const mine = [...lines].filter(([name]) => PLOTS.findIndex(([, wanted]) => wanted.test(name)) === at);
      if (mine.length) plot(title).show(title, mine.map(([name, points]) => ({ name, points })));
    }
  }

  function plot(title) {
    if (!plots.has(title)) {
      plots.set(title, h("likeness-plot", { class: "card" }));
      shown.replaceChildren(...PLOTS.map(([name]) => plots.get(name)).filter(Boolean));
    }
    return plots.get(title);
  }

  function ended() {
    none.textContent = "It ended before there were any.";
  }

  return { element, add, ended };
}
