// The large picture. While a slider is dragged the newest wish wins, and no wish waits for one that is older.

import { show } from "../shell/service.js";
import { picture } from "./view.js";

const SIZE = 512; // pixels
const DRAFT = 256; // while a slider is dragged
const WALK = 256;

export class Portrait {
  #image;
  #button;
  #asked = new AbortController();
  #drafting = false;
  #next = null;
  #view = null;
  #playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** `image` is an <img>; `button` lets a walk play and rest. */
  constructor({ image, button }) {
    this.#image = image;
    this.#button = button;
    button.addEventListener("click", () => {
      this.#playing = !this.#playing;
      this.draw(this.#view);
    });
  }

  /** Draw a view as it will stay. Whatever is being drawn is given up. */
  async draw(view) {
    this.#view = view;
    this.#next = null;
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    this.#tellButton();
    this.#image.classList.add("waiting");
    const still = { ...view, to: "", format: "webp" };
    let there = false;
    try {
      there = await show(this.#image, picture(still, { size: SIZE }), { signal });
      if (view.to && this.#playing && !signal.aborted) {
        there = await show(this.#image, picture(view, { size: WALK, format: "webp" }), { signal });
      }
    } finally {
      if (!signal.aborted) this.#settle(there ? described(view) : "");
    }
  }

  /** Draw a view that will soon be another one: smaller, and one at a time, so that pictures keep coming. */
  async draft(view) {
    this.#next = { ...view, to: "", format: "webp" };
    if (this.#drafting) return;
    this.#drafting = true;
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    try {
      while (this.#next && !signal.aborted) {
        const wish = this.#next;
        this.#next = null;
        await show(this.#image, picture(wish, { size: DRAFT }), { signal });
      }
    } finally {
      this.#drafting = false;
    }
  }

  // Where there is no picture, an older one would lie.
  #settle(text) {
    this.#image.classList.remove("waiting");
    this.#image.alt = text;
    if (!text) this.#image.removeAttribute("src");
  }

  #tellButton() {
    this.#button.hidden = !this.#view.to;
    this.#button.textContent = this.#playing ? "Pause" : "Play";
  }
}

function described({ seed, mix, to }) {
  if (mix) return `A drawn face: a mix of ${seed} and ${mix}`;
  return to ? `A drawn face that turns from ${seed} into ${to} and back` : `A drawn face for the seed ${seed}`;
}
