// One version of a model: its figures, where it comes from, and what can be done with it.

import { askInDialog } from "../shell/dialog.js";
import { h, icon } from "../shell/element.js";
import { ago, brief, bytes, count } from "../jobs/words.js";
import { save } from "./files.js";
import { exact, words } from "../plot/figures.js";
import { ask, askJson } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";

// Which figures come last: those that explain others, and before them those of the pictures by which a run was steered.
const LATE = [/^validation/, /^(floor|memorisation|network)|pictures$/];

/** A card for `version` of `model`; `changed({ gone })` is called after a change. */
export function buildVersion(model, version, changed) {
  const { version: id, aliases, source, size_bytes: size, created_at: made, provenance, directions } = version;
  const address = `/v1/models/${encodeURIComponent(model.id)}`;
  const files = `${address}/versions/${id}/export?format=`;
  const older = model.version && new Date(made) < new Date(model.versions.find((one) => one.version === model.version).created_at);
  const figures = flat(version.metrics).sort(([a], [b]) => late(a) - late(b));
  const error = h("p", { class: "error", role: "alert" });
  return h(
    "article", { class: "card version", "data-version": id },
    h(
      "div", { class: "row apart" },
      h("h3", { class: "row" }, h("span", { class: "mono" }, brief(id)), aliases.map((alias) => h("span", { class: "badge", "data-tone": alias === "production" ? "good" : "" }, alias))),
      h("p", { class: "small soft" }, origin(source), ", ", ago(made), `, ${bytes(size)}`),
    ),
    figures.length ? h("dl", { class: "figures" }, figures.slice(0, 6).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : null,
    h(
      "details", {}, h("summary", {}, "More about it"),
      h(
        "dl", { class: "facts" }, fact("version", h("code", {}, id)),
        provenance.data ? fact("trained on", provenance.data) : null, provenance.licence ? fact("licence of the data", provenance.licence) : null,
        provenance.credit ? fact("credit", provenance.credit) : null, directions.length ? fact("edits", directions.join(", ")) : null,
        figures.slice(6).map(([name, value]) => fact(name, value)).flat(),
      ),
    ),
    error, h("div", { class: "row" }, actions()),
  );

  function actions() {
    const button = (text, look, act) => {
      const element = h("button", { type: "button", class: `button small ${look}`, onclick: () => act(element) }, text);
      return element;
    };
    return [
      aliases.includes("production") ? null : button(older ? "Roll back to it" : "Put into production", "primary", (element) => move(
        element, "A serving worker tries it first …", async () => {
          await askJson(`${address}/aliases/production`, { method: "PUT", json: { version: id } });
          await changed();
        },
      )),
      button([icon("download", 16), "safetensors"], "", () => save(`${files}safetensors`, `${model.id}.safetensors`)),
      button([icon("download", 16), "ONNX"], "", () => save(`${files}onnx`, `${model.id}.onnx`)),
      h("a", { class: "button small", href: `/train?from=${model.id}@${id}` }, "Train on from it"),
      button([icon("trash", 16), "Remove"], "quiet", remove),
    ];
  }

  async function remove() {
    const gone = await askInDialog({
      title: `Remove version ${brief(id)}?`,
      content: h("p", {}, `It is gone for good${model.versions.length === 1 ? ", and the model with it" : ""}.`),
      action: "Remove", danger: true, act: () => ask(`${address}/versions/${id}`, { method: "DELETE" }),
    });
    if (gone) await changed({ gone: true });
  }

  async function move(element, text, act) {
    error.textContent = "";
    element.disabled = true;
    if (text) notice(text);
    try {
      await act();
      quiet();
    } catch (problem) {
      if (problem.name !== "Problem") return complain(problem);
      quiet();
      error.textContent = problem.message;
      element.disabled = false;
    }
    return null;
  }
}

function late(name) {
  return LATE.findLastIndex((names) => names.test(name));
}

function origin(source) {
  return source.startsWith("job_") ? h("a", { href: `/train?job=${source}` }, "trained here") : source;
}

function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

// Figures within figures by their whole names, in order.
function flat(metrics, start = "") {
  return Object.entries(metrics).flatMap(([name, value]) => {
    const whole = `${start}${words(name)}`;
    if (value !== null && typeof value === "object") return flat(value, `${whole} `);
    if (typeof value !== "number") return [[whole, String(value)]];
    return [[whole, /accuracy$/.test(name) ? `${(100 * value).toFixed(1)} %` : Number.isInteger(value) ? count(value) : exact(value)]];
  });
}
