// The trainings so far, newest first.

import { h } from "../shell/element.js";
import { ago, badge, count } from "../jobs/words.js";
import { askJson } from "../shell/service.js";

/** A table of the newest trainings, or nothing where there are none. */
export async function buildRuns() {
  const { data } = await askJson("/v1/training-jobs?limit=20");
  if (!data.length) return null;
  const row = ({ id, model, preset, status, progress: { images, of }, created_at }) => h(
    "tr", {}, h("th", { scope: "row" }, h("a", { href: `/train?job=${id}` }, model)), h("td", {}, preset), h("td", {}, badge(status)),
    h("td", { class: "number" }, of ? `${count(Math.min(images, of))} of ${count(of)}` : ""), h("td", {}, ago(created_at)),
  );
  return h(
    "section", { class: "stack", "aria-labelledby": "runs-title" }, h("h2", { id: "runs-title" }, "Trainings so far"),
    h(
      "div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "runs-title" },
      h(
        "table", {},
        h("thead", {}, h("tr", {}, ["Model", "Preset", "Status"].map((name) => h("th", { scope: "col" }, name)),
          h("th", { scope: "col", class: "number" }, "Pictures seen"), h("th", { scope: "col" }, "Accepted"))),
        h("tbody", {}, data.map(row)),
      ),
    ),
  );
}
