// What the training loop found wrong with its own health: the figure, its limit, and what helps.

import { h } from "../shell/element.js";
import { count } from "../jobs/words.js";
import { exact } from "../plot/figures.js";

/** Returns `{ element, add(data) }`; data is that of a `finding` event. */
export function buildFindings() {
  const newest = new Map(); // code to the element of its newest finding
  const list = h("ul", {});
  const element = h("section", { class: "card findings", hidden: true, role: "status", "aria-label": "Health" }, h("h2", {}, "Health"), list);

  function add({ code, images, value, threshold, suggestion }) {
    const item = h(
      "li", {}, h("strong", {}, code.replaceAll("_", " ")), ` ${exact(value)}, limit ${exact(threshold)}, after ${count(images)} pictures. `, suggestion,
    );
    newest.get(code)?.remove();
    newest.set(code, item);
    list.append(item);
    element.hidden = false;
  }

  return { element, add };
}
