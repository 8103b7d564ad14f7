// What a training starts from: chance, or the weights of a version that there is.

import { h } from "../shell/element.js";
import { brief } from "../jobs/words.js";
import { askJson } from "../shell/service.js";
import { buildField } from "./field.js";

const FITS = {
  classifier: "Of a version, the weights that fit are taken; new classes start from chance.",
  generator: "A version must hold the very network that the settings describe.",
};

/**
 * Returns `{ element, offer(kind), wanted() }`: the version that was chosen of those of a kind, or null for chance.
 *
 * `from` is a version that is chosen already, such as `mine@sha256:…`, or an empty text.
 */
export function buildStart(from) {
  let models = null; // the promise of all of them
  let chosen = from;
  const select = h("select", { id: "plan-start", onchange: () => { chosen = select.value; } });
  const { element, hint } = buildField({ label: "Starts from", input: select });

  async function offer(kind) {
    hint.textContent = FITS[kind];
    const { data } = await (models ??= askJson("/v1/models"));
    const mine = data.filter((model) => model.kind === kind);
    const versions = mine.filter(({ version }) => version).map(({ id, version }) => `${id}@${version}`);
    const [name] = from.split("@");
    if (mine.some(({ id }) => id === name) && !versions.includes(from)) versions.push(from);
    select.replaceChildren(h("option", { value: "" }, "chance"), ...versions.map((ref) => h("option", { value: ref }, named(ref))));
    select.value = versions.includes(chosen) ? chosen : "";
  }

  return { element, offer, wanted: () => select.value || null };
}

function named(ref) {
  const [name, version = ""] = ref.split("@");
  return `${name} ${brief(version)}`;
}
