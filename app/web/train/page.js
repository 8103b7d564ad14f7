// The page /train: a new training, or with ?job=… one that there is. ?dataset=…, ?preset=… and the version ?from=…, whose
// weights it starts from, are chosen already.

import { byId, h } from "../shell/element.js";
import { askJson } from "../shell/service.js";
import { complain, ready } from "../shell/shell.js";
import { buildPictures } from "./pictures.js";
import { buildPlan } from "./plan.js";
import { showRun } from "./run.js";
import { buildRuns } from "./runs.js";

const query = new URLSearchParams(location.search);

await ready();
await (query.has("job") ? showRun(query.get("job")) : begin()).catch(complain);

async function begin() {
  const presets = await offered();
  const plan = buildPlan(presets, { from: query.get("from") ?? "", chosen: (preset) => remember("preset", preset.name) });
  const pictures = buildPictures({ chosen: plan.use, opened: (id) => remember("dataset", id) });
  byId("main").append(pictures.element, plan.element);
  if (query.has("preset")) plan.pick(query.get("preset"));
  if (query.has("dataset")) pictures.open(query.get("dataset"));
  byId("main").append((await buildRuns()) ?? "");
}

// What can be trained. A train worker that has just started says so within seconds.
async function offered() {
  const none = h("p", { class: "empty", role: "status" }, "No train worker has offered a preset yet. “likeness worker train” starts one.");
  for (;;) {
    const { data } = await askJson("/v1/presets");
    if (data.length) {
      none.remove();
      return data;
    }
    byId("main").append(none);
    await new Promise((wake) => setTimeout(wake, 2000));
  }
}

// The address says what is chosen, so that it can be kept and sent.
function remember(name, value) {
  if (value) query.set(name, value);
  else query.delete(name);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}
