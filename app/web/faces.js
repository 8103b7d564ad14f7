// The wall: rows of faces that go on as long as one scrolls. Arrow keys move, Enter chooses.

import { faceAddress, show } from "./service.js";

const NAMES = `ada noor kofi mei lars ines tariq yuki amara jonas leila mateo priya olga samir freya diego hana emeka
clara ravi sofia malik greta akira zainab tomas nadia bruno ayla kwame elin rosa idris marta kenji aisha pavel luna
omar signe chloe dara felix imani joon katya milo nina otto pia quinn rafael sana theo uma viktor wren xenia yara zeno`
  .split(/\s+/);
const STEP = 48;
const AT_ONCE = 6;

/** Text of the n-th seed of the wall: names first, then names with numbers. */
export function wallSeed(number) {
  const round = Math.floor(number / NAMES.length);
  const name = NAMES[number % NAMES.length];
  return round ? `${name} ${round + 1}` : name;
}

/** Fill `wall` with faces, more whenever `more` comes near, and call `choose` with the seed that is picked. */
export function buildWall({ wall, more, options, choose }) {
  const queue = [];
  let count = 0;
  let running = 0;
  let current = null;
  let generation = new AbortController();

  const pump = () => {
    while (running < AT_ONCE && queue.length) {
      const { image, seed, signal } = queue.shift();
      if (signal.aborted) continue;
      running += 1;
      show(image, faceAddress(seed, { size: 128, ...options() }), { signal })
        .then((there) => image.classList.toggle("there", there))
        .catch(() => {})
        .finally(() => { running -= 1; pump(); });
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      queue.push({ image: target.firstElementChild, seed: target.dataset.seed, signal: generation.signal });
    }
    pump();
  }, { rootMargin: "400px" });

  const add = () => {
    const tiles = Array.from({ length: STEP }, () => {
      const tile = document.createElement("button");
      const image = document.createElement("img");
      const name = document.createElement("span");
      tile.type = "button";
      tile.dataset.seed = name.textContent = wallSeed(count);
      tile.tabIndex = count ? -1 : 0;
      tile.setAttribute("aria-pressed", "false");
      image.alt = "";
      tile.append(image, name);
      count += 1;
      seen.observe(tile);
      return tile;
    });
    wall.append(...tiles);
  };

  const near = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    add();
    // It tells of changes only; observed anew, it tells whether the end is still near after these rows.
    near.unobserve(more);
    near.observe(more);
  }, { rootMargin: "600px" });
  near.observe(more);

  wall.addEventListener("click", (event) => {
    const tile = event.target.closest("button");
    if (tile) choose(tile.dataset.seed);
  });

  wall.addEventListener("keydown", (event) => {
    const tiles = [...wall.children];
    const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const from = tiles.indexOf(document.activeElement);
    const next = step && tiles[from + step];
    if (!next) return;
    event.preventDefault();
    tiles[from].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  return {
    /** Mark the tile of `seed`, if it is on the wall. */
    mark(seed) {
      current?.setAttribute("aria-pressed", "false");
      current = wall.querySelector(`[data-seed="${CSS.escape(seed)}"]`);
      current?.setAttribute("aria-pressed", "true");
    },
    /** Draw every face again, because the options have changed. */
    refresh() {
      generation.abort();
      generation = new AbortController();
      queue.length = 0;
      for (const tile of wall.children) {
        tile.firstElementChild.classList.remove("there");
        seen.unobserve(tile);
        seen.observe(tile);
      }
    },
  };
}
