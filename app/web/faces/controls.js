// How a face is drawn: its model, class, variety and edits, and how it is had.

import { byId, h } from "../shell/element.js";
import { askJson } from "../shell/service.js";
import { formats } from "./view.js";

const FURTHEST = 3; // along a direction; the service goes to 10, where faces fall apart
const SIZES = [64, 128, 256, 512, 1024];
const WALK_SIZES = [64, 128, 256, 512];
const FORMATS = { webp: "WebP", png: "PNG", jpg: "JPEG", avif: "AVIF", gif: "GIF", mp4: "MP4" };

export class Controls {
  #changed;
  #view = null;
  #entries = null;
  #details = new Map();

  /** `changed` is told the part of the view that has changed, and in `moves` whether a slider is still dragged. */
  constructor(changed) {
    this.#changed = changed;
    byId("model").addEventListener("change", ({ target }) => changed({ model: this.#own(target.value), label: "", edits: {}, truncation: undefined }));
    byId("label").addEventListener("change", ({ target }) => changed({ label: target.value }));
    byId("size").addEventListener("change", ({ target }) => changed({ size: Number(target.value) }));
    byId("format").addEventListener("change", ({ target }) => changed({ format: target.value }));
    byId("frames").addEventListener("change", ({ target }) => changed({ frames: Number(target.value) }));
    byId("reset").addEventListener("click", () => changed({ truncation: undefined, edits: {} }));
  }

  /** The name of the model of a view, which an empty text leaves to the service. */
  name({ model }) {
    return model || (this.#entries?.find((entry) => entry.default)?.id ?? "");
  }

  /** Show what a view says. */
  async show(view) {
    this.#view = view;
    this.#entries ??= await generators();
    if (view !== this.#view) return; // somebody was faster
    // Before anything is asked of the model, which may be gone: so that another can be chosen.
    choices(byId("model"), this.#names(view), this.name(view));
    byId("model-choice").hidden = byId("model").options.length < 2;
    const known = await this.#known(this.name(view));
    if (view !== this.#view) return;
    choices(byId("label"), [["", "any"], ...known.labels.map((label) => [label, label])], view.label);
    byId("label-choice").hidden = !known.labels.length;
    choices(byId("size"), sizes(view).map((size) => [size, `${size} pixels`]), view.size);
    choices(byId("format"), formats(view).map((format) => [format, FORMATS[format]]), view.format);
    choices(byId("frames"), [...new Set([12, 24, 48, 96, view.frames])].sort((a, b) => a - b).map((count) => [count, `${count} pictures`]), view.frames);
    byId("frames-choice").hidden = !view.to;
    this.#sliders(view, known);
  }

  // The sliders stay the same elements while the model does, so that one that is dragged is not taken away.
  #sliders(view, known) {
    const box = byId("sliders");
    if (box.dataset.model !== known.reference) {
      box.dataset.model = known.reference;
      box.replaceChildren(
        slider("Variety", { id: "truncation", min: 0, max: 1, step: 0.05, home: known.truncation }, (value, moves) =>
          this.#changed({ truncation: value === known.truncation ? undefined : value }, { moves })),
        ...known.directions.map((name) => slider(spoken(name), { id: `edit-${name}`, min: -FURTHEST, max: FURTHEST, step: 0.1, home: 0 },
          (value, moves) => this.#changed({ edits: without(this.#view.edits, name, value) }, { moves }))),
      );
    }
    set(byId("truncation"), view.truncation ?? known.truncation);
    for (const name of known.directions) set(byId(`edit-${name}`), view.edits[name] ?? 0);
    byId("reset").hidden = view.truncation === undefined && !Object.keys(view.edits).length;
  }

  #names({ model }) {
    const names = this.#entries.map(({ id }) => id);
    // A permalink may name a version, or a run that is not listed.
    return (model && !names.includes(model) ? [model, ...names] : names).map((name) => [name, name]);
  }

  #own(name) {
    return this.#entries.find(({ id }) => id === name)?.default ? "" : name;
  }

  async #known(reference) {
    if (!this.#details.has(reference)) this.#details.set(reference, describe(reference));
    try {
      return await this.#details.get(reference);
    } catch (problem) {
      this.#details.delete(reference);
      throw problem;
    }
  }
}

async function generators() {
  const { data } = await askJson("/v1/models");
  return data.filter(({ kind, version }) => kind === "generator" && version);
}

/** What a generator knows: its directions, its labels, and its own truncation. */
async function describe(reference) {
  const [name, wanted = "production"] = reference.split("@");
  const model = await askJson(`/v1/models/${encodeURIComponent(name)}`);
  const named = model.aliases[wanted] ?? wanted;
  const version = model.versions.find(({ version }) => version.startsWith(named)) ?? model.versions[0];
  return { reference, directions: version.directions, labels: version.labels, truncation: model.truncation ?? 1 };
}

function sizes({ to, size }) {
  return [...new Set([...(to ? WALK_SIZES : SIZES), size])].sort((a, b) => a - b);
}

function choices(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
  select.value = chosen;
}

function slider(title, { id, home, ...range }, moved) {
  const shown = h("span", { class: "numbers", "aria-hidden": "true" });
  const input = h("input", {
    type: "range", id, ...range, "data-home": home,
    oninput: ({ target }) => { tell(target); moved(Number(target.value), true); },
    onchange: ({ target }) => moved(Number(target.value), false),
    ondblclick: ({ target }) => { set(target, home); moved(home, false); },
  });
  return h("div", { class: "slider" }, h("label", { for: id }, title), input, shown);
}

function set(input, value) {
  input.value = value;
  tell(input);
}

/** Say the value, and colour the track from where the slider is at home, or from its start, to where it is. */
function tell(input) {
  const share = (value) => (100 * (value - input.min)) / (input.max - input.min);
  const ends = [share(input.min < 0 ? input.dataset.home : input.min), share(input.value)].sort((a, b) => a - b);
  input.style.setProperty("--from", `${ends[0]}%`);
  input.style.setProperty("--to", `${ends[1]}%`);
  const value = Number(input.value);
  input.nextElementSibling.textContent = input.min < 0 && value > 0 ? `+${value.toFixed(1)}` : value.toFixed(input.min < 0 ? 1 : 2);
}

function without(edits, name, value) {
  const { [name]: _, ...others } = edits;
  return value ? { ...others, [name]: value } : others;
}

function spoken(name) {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}
