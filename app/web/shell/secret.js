// A secret to copy, in a dialog: where it is shown, and a button.

import { h, icon } from "./element.js";

/** The elements that show `secret`. */
export function secretToCopy(secret) {
  const copied = h("span", {}, "Copy");
  const code = h("code", { id: "secret" }, secret);
  const copy = async () => {
    await navigator.clipboard.writeText(secret).catch(() => getSelection().selectAllChildren(code));
    copied.textContent = "Copied";
  };
  return [
    h("pre", { class: "secret", tabindex: 0 }, code),
    h("div", {}, h("button", { type: "button", class: "button", onclick: copy }, icon("copy", 16), copied)),
  ];
}
