// One or two versions tried on the same thing: the same seeds for a generator, the same picture for a classifier.

import { h, icon } from "../shell/element.js";
import { askJson, show } from "../shell/service.js";

const FACES = 9;
const FACE_PIXELS = 160;
const LIKELIEST = 5;

/**
 * A place to try versions of one kind. Returns `{ element, offer(candidates, { left, right }) }`.
 *
 * Candidates are `{ ref, name }`, such as `{ ref: "faces@sha256:…", name: "in production" }`. `left` and `right` are
 * what is shown until whoever uses the page chooses otherwise, which then stays as more is offered.
 */
export function buildTrial(kind) {
  let asked = new AbortController();
  const sides = [side("Version"), side("Beside it")];
  const task = kind === "generator" ? seedTask(run) : pictureTask(run);
  const element = h(
    "section", { class: "card trial", "aria-labelledby": "trial-title" },
    h("h2", { id: "trial-title" }, "Try it"), task.element,
    h("div", { class: "columns" }, sides.map(({ field }) => field)), h("div", { class: "columns outs" }, sides.map(({ out }) => out)),
  );

  function side(label) {
    const select = h("select", { onchange: () => { select.dataset.chosen = "yes"; run(); } });
    const out = h("div", { class: "out" });
    return { select, out, field: h("label", { class: "field" }, h("span", {}, label), select) };
  }

  async function run() {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    await Promise.all(sides.map(async ({ select, out }) => {
      if (!select.value || !task.given()) return out.replaceChildren();
      try {
        await task.show(select.value, out, signal);
      } catch (problem) {
        if (signal.aborted) return null;
        out.replaceChildren(h("p", { class: "error" }, problem.message));
      }
      return null;
    }));
  }

  function offer(candidates, { left, right = "" } = {}) {
    const before = sides.map(({ select }) => select.value);
    const options = () => candidates.map(({ ref, name }) => h("option", { value: ref }, name));
    sides[0].select.replaceChildren(...options());
    sides[1].select.replaceChildren(h("option", { value: "" }, "nothing"), ...options());
    const known = new Set(candidates.map(({ ref }) => ref));
    const first = [left ?? candidates.at(-1)?.ref ?? "", right];
    for (const [at, { select }] of sides.entries()) select.value = select.dataset.chosen && known.has(before[at]) ? before[at] : first[at];
    if (sides.some(({ select }, at) => select.value !== before[at])) run();
  }

  return { element, offer };
}

function seedTask(run) {
  let wait = 0;
  const input = h("input", {
    value: "ada", maxlength: 200, autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(wait); wait = setTimeout(run, 250); },
  });
  const element = h("label", { class: "field" }, h("span", {}, "Seed"), input, h("small", {}, "Every version draws the same seeds."));
  const draw = async (ref, out, signal) => {
    const seeds = Array.from({ length: FACES }, (_, at) => (at ? `${input.value} ${at + 1}` : input.value));
    const images = seeds.map((seed) => h("img", { alt: seed, title: seed, width: FACE_PIXELS, height: FACE_PIXELS }));
    out.replaceChildren(h("div", { class: "trial-faces" }, images));
    const options = new URLSearchParams({ model: ref, size: FACE_PIXELS });
    await Promise.all(images.map((image, at) => show(image, `/v1/faces/${encodeURIComponent(seeds[at])}.webp?${options}`, { signal })));
  };
  return { element, given: () => Boolean(input.value), show: draw };
}

function pictureTask(run) {
  let picture = null;
  const shown = h("img", { alt: "The picture that was given", hidden: true });
  const take = (files) => {
    picture = [...files].find(({ type }) => type.startsWith("image/")) ?? picture;
    if (!picture) return;
    URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(picture);
    shown.hidden = false;
    run();
  };
  const input = h("input", { type: "file", class: "unseen", accept: "image/*", onchange: () => take(input.files) });
  const element = h(
    "label",
    {
      class: "drop trial-drop", ondragover: (event) => event.preventDefault(),
      ondrop: (event) => { event.preventDefault(); take(event.dataTransfer.files); },
    },
    input, shown, icon("upload", 28), h("strong", {}, "Drop a picture to classify"),
  );
  const classify = async (model, out, signal) => {
    const options = new URLSearchParams({ model, top_k: LIKELIEST });
    const { results: [result] } = await askJson(`/v1/classify?${options}`, {
      method: "POST", body: picture, headers: { "Content-Type": picture.type }, signal,
    });
    out.replaceChildren(h(
      "ol", { class: "likely" },
      result.predictions.map(({ label, probability }) => h(
        "li", {}, h("span", {}, label), h("span", { class: "numbers soft" }, `${(100 * probability).toFixed(1)} %`),
        h("meter", { min: 0, max: 1, value: probability, "aria-hidden": "true" }),
      )),
    ));
  };
  return { element, given: () => picture !== null, show: classify };
}
