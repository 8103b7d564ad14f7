// What was sent to the webhook of a training, and how that went.

import { h } from "../shell/element.js";
import { ago, badge } from "../jobs/words.js";
import { askJson } from "../shell/service.js";

/** Returns `{ element, look() }`; `look` reads the messages anew, and the element is hidden as long as there is none. */
export function buildDeliveries(base) {
  const list = h("ol", { class: "history small", "aria-label": "Told to another service" });
  const element = h("div", { class: "deliveries", hidden: true }, h("h3", {}, "Told to another service"), list);

  async function look() {
    const { data } = await askJson(`${base}/deliveries`);
    element.hidden = !data.length;
    list.replaceChildren(...data.map(({ type, status, attempts, response_status: answer, error, created_at: made }) => h(
      "li", {}, badge(status), ` ${type}, `, ago(made), error ? `, ${error}` : answer ? `, answered with ${answer}` : "",
      attempts > 1 ? `, after ${attempts} attempts` : "",
    )));
  }

  return { element, look };
}
