// What a training has made so far: versions to try at once, and at the end its result, to be promoted.

import { h } from "../shell/element.js";
import { brief, count } from "../jobs/words.js";
import { buildTrial } from "../models/trial.js";
import { exact, words } from "../plot/figures.js";
import { askJson } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";

/** Returns `{ card, trial, show(job) }`, the first two being elements; `changed` is called after a promotion. */
export function buildResult({ kind, changed }) {
  let offered = "";
  const trial = buildTrial(kind);
  const card = h("section", { class: "card", "aria-labelledby": "result-title", hidden: true });
  trial.element.hidden = true;

  async function show(job) {
    const { data: checkpoints } = await askJson(job.urls.checkpoints);
    const { data: models } = await askJson("/v1/models");
    const model = models.find(({ id }) => id === job.model); // there is none before the first result
    if (job.result) tell(job.result, model);
    card.hidden = !job.result;
    trial.element.hidden = !checkpoints.length;
    const mine = checkpoints.map(({ model: ref, images, final }) => ({ ref, name: final ? "this training, finished" : `this training after ${count(images)} pictures` }));
    const rival = model?.version && !checkpoints.some(({ model: ref }) => ref.endsWith(model.version))
      ? [{ ref: `${model.id}@${model.version}`, name: `in production now, ${brief(model.version)}` }] : [];
    const all = [...rival, ...mine];
    const told = JSON.stringify(all);
    if (told !== offered && mine.length) trial.offer(all, { left: mine.at(-1).ref, right: rival[0]?.ref ?? (mine.length > 1 ? mine[0].ref : "") });
    offered = told;
  }

  function tell({ model: ref, metrics, why }, model) {
    const [name, version] = ref.split("@");
    const inUse = model?.version === version;
    const promote = h("button", { type: "button", class: "button primary" }, "Put into production");
    promote.addEventListener("click", async () => {
      promote.disabled = true;
      notice("A serving worker tries it first …");
      try {
        await askJson(`/v1/models/${name}/aliases/production`, { method: "PUT", json: { version } });
        quiet();
        await changed();
      } catch (problem) {
        complain(problem);
        promote.disabled = false;
      }
    });
    card.replaceChildren(
      h(
        "div", { class: "row apart" }, h("h2", { id: "result-title" }, "Result"),
        inUse ? h("span", { class: "badge", "data-tone": "good" }, "in production") : promote,
      ),
      h("p", {}, h("a", { href: `/models?model=${name}` }, name), ` version ${brief(version)}. `, inUse ? "" : `Not in production: ${why}.`),
      h(
        "dl", { class: "figures" },
        Object.entries(metrics).map(([figure, value]) => h("div", {}, h("dt", {}, words(figure)), h("dd", { class: "numbers" }, figureText(figure, value)))),
      ),
    );
  }

  return { card, trial: trial.element, show: (job) => show(job).catch(complain) };
}

function figureText(name, value) {
  return name === "accuracy" ? `${(100 * value).toFixed(1)} %` : exact(value);
}
