// <likeness-samples base="/v1/training-jobs/job_…">: pictures of the same seeds as they get better, with a scrubber.

import { h, icon } from "../shell/element.js";
import { count } from "../jobs/words.js";
import { save } from "../models/files.js";
import { ask } from "../shell/service.js";

const FRAME_MS = 250;
const LAST_FRAME_MS = 1500;
const MOST_KEPT = 120; // pictures in memory

export class Samples extends HTMLElement {
  #moments = []; // pictures seen, in order
  #pictures = new Map(); // moment to the promise of its picture's address in memory
  #newest = true; // whether the picture follows the training
  #timer = 0; // of the time-lapse
  #frame = 0; // that will show what `add` told
  #image = h("img", { alt: "" });
  #caption = h("output", {});
  #scrubber = h("input", {
    type: "range", min: 0, max: 0, value: 0, "aria-label": "Moment of the training",
    oninput: () => { this.#pause(); this.#newest = Number(this.#scrubber.value) === this.#moments.length - 1; this.#show(); },
  });
  #play = h("button", { type: "button", class: "button square small", onclick: () => (this.#timer ? this.#pause() : this.#start()) });
  #save = h(
    "button", { type: "button", class: "button small", onclick: () => save(`${this.getAttribute("base")}/samples/timelapse.webp`, "timelapse.webp") },
    icon("download", 16), "Time-lapse",
  );
  #empty = h("p", { class: "empty" }, "The first samples come as soon as it has learnt a little.");
  #content = h(
    "div", { class: "stack", hidden: true },
    h("div", { class: "grid", tabindex: 0, role: "group", "aria-label": "Samples" }, this.#image),
    h("div", { class: "scrubber" }, this.#play, this.#scrubber, this.#caption), h("div", { class: "row end" }, this.#save),
  );

  connectedCallback() {
    if (!this.firstChild) this.append(h("h2", {}, "Samples"), this.#empty, this.#content);
    this.#pause();
  }

  disconnectedCallback() {
    this.#pause();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const moment of [...this.#pictures.keys()]) this.#forget(moment);
  }

  /** There are samples of this moment, in pictures seen. */
  add(images) {
    // A run that went back to a snapshot draws these moments again.
    this.#moments = [...this.#moments.filter((moment) => moment < images), images];
    this.#forget(images);
    this.#scrubber.max = this.#moments.length - 1;
    if (this.#newest && !this.#timer) this.#scrubber.value = this.#moments.length - 1;
    this.#empty.hidden = true;
    this.#content.hidden = false;
    // A page that is opened late is told of all samples at once, and fetches the one that it shows.
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#show();
    });
  }

  async #show() {
    const moment = this.#moments[Number(this.#scrubber.value)];
    this.#caption.textContent = `${count(moment)} pictures`;
    this.#scrubber.setAttribute("aria-valuetext", `after ${count(moment)} pictures`);
    this.#image.alt = `Pictures of the same seeds after ${count(moment)} training pictures`;
    const address = await this.#picture(moment).catch(() => null);
    // Meanwhile the scrubber may have moved on.
    if (address && moment === this.#moments[Number(this.#scrubber.value)]) this.#image.src = address;
  }

  #picture(moment) {
    if (!this.#pictures.has(moment)) {
      const asked = ask(`${this.getAttribute("base")}/samples/${moment}.png`).then(async (answer) => URL.createObjectURL(await answer.blob()));
      asked.catch(() => this.#pictures.delete(moment));
      this.#pictures.set(moment, asked);
      if (this.#pictures.size > MOST_KEPT) this.#forget(this.#pictures.keys().next().value);
    }
    return this.#pictures.get(moment);
  }

  #forget(moment) {
    this.#pictures.get(moment)?.then(URL.revokeObjectURL, () => {});
    this.#pictures.delete(moment);
  }

  #start() {
    const last = this.#moments.length - 1;
    if (Number(this.#scrubber.value) === last) this.#scrubber.value = 0;
    const step = async () => {
      await this.#show();
      if (!this.#timer) return;
      const at = Number(this.#scrubber.value);
      this.#timer = setTimeout(() => {
        this.#scrubber.value = at === this.#moments.length - 1 ? 0 : at + 1;
        step();
      }, at === this.#moments.length - 1 ? LAST_FRAME_MS : FRAME_MS);
    };
    this.#timer = 1;
    this.#label("pause", "Pause the time-lapse");
    step();
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#label("play", "Play the time-lapse");
  }

  #label(drawing, text) {
    this.#play.replaceChildren(icon(drawing, 16));
    this.#play.setAttribute("aria-label", text);
  }
}

customElements.define("likeness-samples", Samples);
