// All models as cards: a generator shows what it draws, a classifier what it tells apart.

import { h } from "../shell/element.js";
import { brief } from "../jobs/words.js";
import { show } from "../shell/service.js";

const SEEDS = ["ada", "grace", "alan", "edsger", "barbara", "donald"];
const MOST_LABELS = 12;

/** Cards for the entries of `GET /v1/models`. */
export function buildList(models) {
  if (!models.length) return h("p", { class: "empty" }, "No models yet. Train one, or import a checkpoint.");
  return h("div", { class: "cards" }, models.map(entry));
}

function entry({ id, kind, version, labels, size, default: first, owned_by: owner }) {
  const origin = owner.startsWith("job_") ? "trained here" : owner;
  return h(
    "article", { class: "card model" },
    h(
      "div", { class: "row apart" }, h("h2", {}, h("a", { href: `/models?model=${encodeURIComponent(id)}` }, id)),
      h("span", { class: "row" }, first ? h("span", { class: "badge" }, "default") : null, h("span", { class: "badge" }, kind)),
    ),
    version ? (kind === "generator" ? faces(id) : known(labels)) : h("p", { class: "soft" }, "No version is in production."),
    h("p", { class: "small soft" }, version ? `${size} pixels · version ${brief(version)} · ${origin}` : origin),
  );
}

function faces(model) {
  const images = SEEDS.map((seed) => h("img", { alt: "", width: 96, height: 96 }));
  const looked = new IntersectionObserver(([{ isIntersecting }], observer) => {
    if (!isIntersecting) return;
    observer.disconnect();
    for (const [at, image] of images.entries()) {
      const address = `/v1/faces/${SEEDS[at]}.webp?${new URLSearchParams({ model, size: 96 })}`;
      show(image, address).catch(() => { image.hidden = true; }); // the list tells of the model without it
    }
  });
  const strip = h("div", { class: "strip", role: "img", "aria-label": `Pictures that ${model} draws` }, images);
  looked.observe(strip);
  return strip;
}

function known(labels) {
  const more = labels.length - MOST_LABELS;
  return h(
    "ul", { class: "labels", "aria-label": "What it tells apart" },
    labels.slice(0, MOST_LABELS).map((label) => h("li", {}, label)), more > 0 ? h("li", { class: "soft" }, `and ${more} more`) : null,
  );
}
