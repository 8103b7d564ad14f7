// The page of faces. There is one view, which the address holds: every control changes it, and every part shows it.

import { Controls } from "./controls.js";
import "./copy-as.js";
import { byId } from "../shell/element.js";
import { Portrait } from "./portrait.js";
import { ask, askJson, show as showPicture } from "../shell/service.js";
import { complain, quiet, ready } from "../shell/shell.js";
import { START, asked, formats, options, picture, read, write } from "./view.js";
import { Wall, wallSeed } from "./wall.js";

const PAUSE = 140; // milliseconds without a key press before a text is drawn
const FOUND = 48; // seeds that are looked for
const END = 96; // pixels
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

let view = read(location.search);
let looks = ""; // of the wall, as text
let sought = "";
let slot = "other"; // which seed box a face of the wall fills, where there are two
let typing = 0;
let ends = new AbortController(); // of the small faces beside two seeds

const portrait = new Portrait({ image: byId("portrait"), button: byId("play") });
const controls = new Controls(change);
const wall = new Wall({ wall: byId("wall"), more: byId("more"), choose });

for (const name of ["seed", "other"]) {
  byId(name).addEventListener("focus", ({ target }) => { slot = name; target.select(); tellSlot(); });
  byId(name).addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(typed, PAUSE); });
}
for (const button of document.querySelectorAll(".fresh")) {
  button.addEventListener("click", () => {
    slot = button.dataset.for;
    choose(fresh());
  });
}
byId("seeds").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); typed(); });
byId("mode").addEventListener("change", ({ target }) => enter(target.value));
byId("like").addEventListener("click", () => change({ like: view.seed }, { chosen: true }));
byId("everybody").addEventListener("click", () => change({ like: "" }, { chosen: true }));
byId("download").addEventListener("click", () => download().catch(complain));
addEventListener("popstate", () => { view = read(location.search); show(); });

ready();
show();

/**
 * Change a part of the view.
 *
 * While a slider `moves` the address stays. Any other change is a step in the history; those of the same control in a
 * row are one step together, unless something was `chosen`.
 */
function change(part, { moves = false, chosen = false } = {}) {
  view = { ...view, ...part };
  if (moves) return portrait.draft(view).catch(complain);
  if (!formats(view).includes(view.format)) view.format = START.format;
  const by = Object.keys(part).join();
  const step = chosen || history.state?.by !== by ? "pushState" : "replaceState";
  history[step]({ by }, "", write(view) || location.pathname);
  return show();
}

async function show() {
  const other = view.mix || view.to;
  document.title = `${view.seed}${other && ` and ${other}`} · Likeness`;
  tellText(byId("seed"), view.seed);
  tellText(byId("other"), other);
  byId("other-row").hidden = byId("wall-hint").hidden = !other;
  byId("other-label").textContent = view.to ? "To" : "With";
  document.querySelector(`[name="mode"][value="${view.to ? "walk" : view.mix ? "mix" : "one"}"]`).checked = true;
  tellSlot();
  quiet();
  try {
    await Promise.all([portrait.draw(view), showEnds(), showWall(), showControls()]);
  } catch (problem) {
    complain(problem);
  }
}

/** Show who the two are that are mixed, or between whom one walks. */
async function showEnds() {
  ends.abort();
  ends = new AbortController();
  const other = view.mix || view.to;
  await Promise.all([["seed", view.seed], ["other", other]].map(([name, seed]) => {
    byId(`${name}-face`).hidden = !other;
    const face = picture({ ...view, seed, mix: "", to: "" }, { size: END, format: "webp" });
    return other && showPicture(byId(`${name}-face`), face, ends);
  }));
}

async function showControls() {
  await controls.show(view);
  document.querySelector("copy-as").show(view);
}

async function showWall() {
  const wanted = JSON.stringify(options(view));
  if (wanted !== looks) wall.draw(view);
  looks = wanted;
  const { edits, ...kept } = options(view);
  const search = view.like && asked({ like: view.like, count: FOUND, ...kept });
  if (search !== sought) {
    sought = search;
    byId("everybody").hidden = !search;
    byId("wall-title").textContent = search ? `Looking for faces like ${view.like} …` : "Nobody you know";
    if (search) {
      wall.fill([]);
      const { data } = await askJson(`/v1/seeds${search}`);
      if (search !== sought) return;
      wall.fill(data.map(({ seed }) => seed));
      byId("wall-title").textContent = `Like ${view.like}`;
    } else {
      wall.fill(null);
    }
  }
  wall.mark(view.seed, view.mix || view.to);
}

/** A face of the wall, or a fresh seed, comes into the seed box that was used last. */
function choose(seed) {
  const second = view.to ? "to" : view.mix ? "mix" : "";
  change({ [slot === "other" && second ? second : "seed"]: seed }, { chosen: true });
  byId("portrait").scrollIntoView({ block: "nearest" });
}

function typed() {
  const seed = byId("seed").value.trim() || view.seed;
  const other = byId("other").value.trim();
  if (seed !== view.seed) change({ seed });
  else if (view.to && other && other !== view.to) change({ to: other });
  else if (view.mix && other && other !== view.mix) change({ mix: other });
}

/** Draw one face, a mix of two, or a walk; a second face is at hand until somebody picks one. */
function enter(mode) {
  const other = view.mix || view.to || wallSeed(view.seed === wallSeed(1) ? 2 : 1);
  slot = "other";
  change({ mix: mode === "mix" ? other : "", to: mode === "walk" ? other : "" }, { chosen: true });
}

async function download() {
  const url = URL.createObjectURL(await (await ask(picture(view))).blob());
  const name = [view.seed, view.mix || view.to].filter(Boolean).join(" ").replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  Object.assign(document.createElement("a"), { href: url, download: `${name}.${view.format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function tellText(input, text) {
  if (input.value.trim() !== text) input.value = text;
}

function tellSlot() {
  const two = Boolean(view.mix || view.to);
  byId("seed").parentElement.classList.toggle("filled", two && slot === "seed");
  byId("other").parentElement.classList.toggle("filled", two && slot === "other");
  byId("wall-hint").textContent = `Choose the ${slot === "seed" ? "first" : "second"} face here, or type any text.`;
}

function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => LETTERS[byte % LETTERS.length]).join("");
}
