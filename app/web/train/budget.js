// How long to train: as long as the preset says, or so many pictures or minutes.

import { h } from "../shell/element.js";
import { count } from "../jobs/words.js";
import { buildField } from "./field.js";

/**
 * Returns `{ element, offer(preset), wanted(), images(rate), tell(text), blame(error) }`; `changed` is called after a change.
 *
 * `wanted` is what the service is asked for, or null for the preset's own; `images` are the pictures that are seen in all.
 */
export function buildBudget(changed) {
  let preset = null;
  const amount = h("input", { id: "plan-amount", inputmode: "decimal", autocomplete: "off", oninput: changed });
  const unit = h(
    "select", { "aria-label": "Budget in", onchange: () => { fill(); changed(); } }, h("option", { value: "" }, "as the preset says"),
    h("option", { value: "images" }, "pictures"), h("option", { value: "minutes" }, "minutes"),
  );
  const { element, tell } = buildField({ label: "How long", input: amount, control: h("div", { class: "budget" }, amount, unit) });
  fill();

  function fill() {
    amount.disabled = !unit.value;
    if (!unit.value) amount.value = preset ? count(preset.images) : "";
    else if (unit.value === "images" && preset) amount.value = preset.images;
    else if (unit.value === "minutes") amount.value = 10;
  }

  // What is no number is sent as it is, and the service tells what is wrong with it.
  function wanted() {
    const number = Number(amount.value);
    return unit.value ? { [unit.value]: Number.isNaN(number) ? amount.value : number } : null;
  }

  return {
    element, wanted, tell,
    offer(found) {
      preset = found;
      fill();
    },
    images: (rate) => (unit.value === "minutes" ? 60 * rate * Number(amount.value) : unit.value ? Number(amount.value) : preset.images),
    /** Tell what the service says is wrong. A budget is one of two shapes, and it says so of either. */
    blame({ loc, msg }) {
      if (loc[2].toLowerCase().startsWith(unit.value)) tell(msg);
    },
  };
}
