// The wall: rows of faces that go on as long as one scrolls, or those that were found. Arrow keys move, Enter chooses.

import { h } from "../shell/element.js";
import { show } from "../shell/service.js";
import { START, picture } from "./view.js";

const NAMES = `ada noor kofi mei lars ines tariq yuki amara jonas leila mateo priya olga samir freya diego hana emeka
clara ravi sofia malik greta akira zainab tomas nadia bruno ayla kwame elin rosa idris marta kenji aisha pavel luna
omar signe chloe dara felix imani joon katya milo nina otto pia quinn rafael sana theo uma viktor wren xenia yara zeno`
  .split(/\s+/);
const STEP = 48;
const AT_ONCE = 4; // of the six that a browser asks one host: the large picture never waits for the wall
const SIZE = 128; // pixels

/** Text of the n-th seed of everybody: names first, then names with numbers. */
export function wallSeed(number) {
  const round = Math.floor(number / NAMES.length);
  const name = NAMES[number % NAMES.length];
  return round ? `${name} ${round + 1}` : name;
}

export class Wall {
  #wall;
  #view = START;
  #chosen = [];
  #found = null; // the seeds to show, or null for everybody
  #queue = [];
  #running = 0;
  #signal = new AbortController();
  #more;
  #near = new IntersectionObserver((entries) => this.#grow(entries.at(-1)), { rootMargin: "600px" });
  #seen = new IntersectionObserver((entries) => this.#come(entries), { rootMargin: "400px" });

  /** `wall` is filled with tiles, more whenever `more` comes near; `choose` is told the seed that is picked. */
  constructor({ wall, more, choose }) {
    this.#wall = wall;
    wall.addEventListener("click", (event) => {
      const tile = event.target.closest("button");
      if (tile) choose(tile.dataset.seed);
    });
    wall.addEventListener("keydown", (event) => this.#move(event));
    this.#more = more;
    this.#look();
  }

  /** Draw every face with the options of `view`. */
  draw(view) {
    this.#view = { ...view, mix: "", to: "" };
    this.#signal.abort();
    this.#signal = new AbortController();
    this.#queue.length = 0;
    for (const tile of this.#wall.children) {
      tile.firstElementChild.classList.remove("there");
      this.#seen.unobserve(tile);
      this.#seen.observe(tile);
    }
  }

  /** Show these seeds; null shows everybody. */
  fill(seeds) {
    this.#found = seeds;
    this.#signal.abort();
    this.#signal = new AbortController();
    this.#queue.length = 0;
    this.#wall.replaceChildren();
    if (seeds) this.#add(seeds);
    else this.#look();
  }

  /** Mark the tiles of the chosen seeds, if they are on the wall. */
  mark(...chosen) {
    this.#chosen = chosen;
    for (const tile of this.#wall.children) tile.setAttribute("aria-pressed", chosen.includes(tile.dataset.seed));
  }

  /** Find out whether the end is near. It tells of changes only, so it is observed anew. */
  #look() {
    this.#near.unobserve(this.#more);
    this.#near.observe(this.#more);
  }

  #grow({ isIntersecting }) {
    if (!isIntersecting || this.#found) return;
    const count = this.#wall.children.length;
    this.#add(Array.from({ length: STEP }, (_, at) => wallSeed(count + at)));
    this.#look();
  }

  #add(seeds) {
    const first = this.#wall.children.length === 0;
    const tiles = seeds.map((seed, at) => h(
      "button", { type: "button", "data-seed": seed, tabindex: first && !at ? 0 : -1, "aria-pressed": String(this.#chosen.includes(seed)) },
      h("img", { alt: "" }), h("span", {}, seed),
    ));
    this.#wall.append(...tiles);
    for (const tile of tiles) this.#seen.observe(tile);
  }

  #come(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#seen.unobserve(target);
      this.#queue.push({ tile: target, signal: this.#signal.signal });
    }
    this.#pump();
  }

  #pump() {
    while (this.#running < AT_ONCE && this.#queue.length) {
      const { tile, signal } = this.#queue.shift();
      if (signal.aborted) continue;
      this.#running += 1;
      const image = tile.firstElementChild;
      const address = picture({ ...this.#view, seed: tile.dataset.seed }, { size: SIZE, format: "webp" });
      show(image, address, { signal })
        .then((there) => { if (!signal.aborted) image.classList.toggle("there", there); }) // else a newer picture is on its way
        .catch(() => {}) // the large picture tells what is wrong
        .finally(() => { this.#running -= 1; this.#pump(); });
    }
  }

  #move(event) {
    const tiles = [...this.#wall.children];
    const columns = getComputedStyle(this.#wall).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const from = tiles.indexOf(document.activeElement);
    const next = step && tiles[from + step];
    if (!next) return;
    event.preventDefault();
    tiles[from].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
