// <picture-reading>: one picture, and what a classifier says of it.

import { h, icon } from "../shell/element.js";
import { askJson } from "../shell/service.js";
import { reduced } from "./files.js";

export class PictureReading extends HTMLElement {
  #blob;
  #asked = new AbortController();
  #picture = h("img", { alt: "" });
  #heat = h("img", { class: "heat", alt: "", hidden: true });
  #name = h("h3");
  #bars = h("ol", { class: "bars" });
  #note = h("p", { class: "soft small" });

  /** Show `blob`, a picture that is called `name`. */
  constructor(blob, name) {
    super();
    this.#blob = blob;
    this.#name.textContent = name;
    this.#picture.alt = name;
    const url = URL.createObjectURL(blob);
    this.#picture.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    this.#picture.src = url;
  }

  connectedCallback() {
    if (this.firstChild) return;
    this.classList.add("card");
    const remove = () => { this.#asked.abort(); this.remove(); };
    this.append(
      h("div", { class: "thumb" }, this.#picture, this.#heat),
      h("div", { class: "said" }, this.#name, this.#bars, this.#note),
      h("button", { type: "button", class: "button quiet square small", "aria-label": `Remove ${this.#name.textContent}`, onclick: remove },
        icon("close", 16)),
    );
  }

  /**
   * Ask a classifier, of whom an older question is forgotten. Resolves to one sentence about the answer, or nothing.
   *
   * `model` may be empty for the default one; `explain` asks where it looked; below `abstain` it may say that it is not sure.
   */
  async ask({ model, explain, abstain }) {
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    this.#note.textContent = "Looking …";
    try {
      const body = new FormData();
      body.append("image", await reduced(this.#blob), "picture");
      body.append("explain", explain);
      if (model) body.append("model", model);
      if (abstain) body.append("abstain_below", abstain);
      const answer = await askJson("/v1/classify", { method: "POST", body, signal });
      return this.#tell(answer);
    } catch (problem) {
      if (signal.aborted) return "";
      this.#bars.replaceChildren();
      this.#heat.hidden = true;
      this.#note.textContent = problem.message;
      return `${this.#name.textContent}: ${problem.message}`;
    }
  }

  #tell({ results: [{ predictions, abstained, unfamiliar, explanation }], model, timing }) {
    const [first] = predictions;
    this.#bars.classList.toggle("unsure", abstained);
    this.#bars.replaceChildren(
      ...(abstained ? [h("li", { class: "abstained" }, "Not sure")] : []),
      ...predictions.map((prediction, at) => bar(prediction, at === 0 && !abstained)),
      ...(unfamiliar ? [h("li", { class: "unfamiliar" }, "Or nothing that it knows")] : []),
    );
    this.#note.textContent = `${model.slice(0, model.indexOf("@"))}, ${timing.total_ms.toFixed(0)} ms`;
    this.#heat.hidden = !explanation;
    if (explanation) {
      this.#heat.src = `data:${explanation.content_type};base64,${explanation.base64}`;
      this.#heat.alt = `Where the classifier looked to see ${first.label}`;
    }
    return `${this.#name.textContent}: ${abstained ? "not sure, perhaps " : ""}${first.label}, ${percent(first.probability)}${unfamiliar ? ", or nothing that it knows" : ""}`;
  }
}

function bar({ label, probability }, first) {
  const fill = h("div", { class: "fill" });
  fill.style.setProperty("--share", probability);
  return h(
    "li", { class: first && "first" },
    h("span", {}, label), h("span", { class: "share" }, percent(probability)), h("div", { class: "track" }, fill),
  );
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

customElements.define("picture-reading", PictureReading);
