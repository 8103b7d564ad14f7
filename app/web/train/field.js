// A field: its label, its control, a hint, and what is wrong with it.

import { h } from "../shell/element.js";

/**
 * Returns `{ element, hint, tell(text) }`; `hint` is the element of the hint, and an empty text says that nothing is wrong.
 *
 * `input` has an id; `control` is what the field shows, if that is more than the input.
 */
export function buildField({ label, input, control = input, hint: hinted = "" }) {
  const hint = h("small", { id: `${input.id}-hint` }, hinted);
  const error = h("span", { id: `${input.id}-error`, class: "error" });
  const element = h("div", { class: "field" }, h("label", { for: input.id }, label), control, hint, error);
  input.setAttribute("aria-describedby", `${hint.id} ${error.id}`);

  function tell(text) {
    error.textContent = text;
    input.setAttribute("aria-invalid", Boolean(text));
    // A field in a part that is folded up cannot be seen.
    if (text) for (let part = element.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  }

  return { element, hint, tell };
}
