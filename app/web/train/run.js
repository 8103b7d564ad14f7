// The page of one training: where it stands, its figures, samples and findings as they come, and what to do with it.

import { byId, h } from "../shell/element.js";
import { follow } from "../jobs/events.js";
import { ENDED, ago, badge, brief, count, duration } from "../jobs/words.js";
import { askJson } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";
import { buildDeliveries } from "./deliveries.js";
import { buildFigures } from "./figures.js";
import { buildFindings } from "./findings.js";
import { buildResult } from "./result.js";
import { buildSteer } from "./steer.js";
import "./samples.js";

const REREAD = ["status", "published", "promotion", "snapshot"]; // events after which the job's record tells more

/** Show the training `id` on the page, and follow it until it has ended. */
export async function showRun(id) {
  const base = `/v1/training-jobs/${id}`;
  let job = await askJson(base);
  let waiting = 0; // the timer after which the job's record is read again
  const [preset, dataset] = await Promise.all([
    askJson(`/v1/presets/${job.preset}`).catch(() => ({ kind: "classifier" })),
    askJson(`/v1/datasets/${job.dataset}`).catch(() => null),
  ]);
  const generator = preset.kind === "generator";

  const state = h("span", { class: "row", role: "status" });
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const told = h("p", { class: "numbers soft" });
  const error = h("p", { class: "error" });
  const from = job.resume_from;
  const again = dataset && `/train?dataset=${job.dataset}&preset=${job.preset}${from ? `&from=${from}` : ""}`;
  const steer = buildSteer({ again, changed: reread });
  const samples = h("likeness-samples", { base, class: "card" });
  const figures = buildFigures();
  const findings = buildFindings();
  const result = buildResult({ kind: preset.kind, changed: reread });
  const deliveries = buildDeliveries(base);
  const history = h("ol", { class: "history small" });
  const settings = h("pre", { tabindex: 0 });

  document.title = `${job.model} · Train · Likeness`;
  byId("main").replaceChildren(
    h(
      "header", { class: "page-head" },
      h("p", { class: "small" }, h("a", { href: "/train" }, "Train"), ` › ${id}`),
      h("div", { class: "row apart" }, h("h1", {}, job.model), steer.element),
      h(
        "p", { class: "soft" }, `${job.preset} on `,
        dataset ? h("a", { href: `/train?dataset=${dataset.id}` }, dataset.name) : "pictures that are gone",
        from ? [", from ", h("a", { href: `/models?model=${from.split("@")[0]}` }, `${from.split("@")[0]} ${brief(from)}`)] : "",
        ", accepted ", ago(job.created_at),
      ),
    ),
    h("section", { class: "card", "aria-label": "Where it stands" }, h("div", { class: "row apart" }, state, told), progress, error),
    findings.element, result.card,
    h("div", { class: generator ? "columns" : "stack" }, generator ? samples : null, figures.element),
    result.trial,
    h("details", { class: "card", ontoggle: () => deliveries.look().catch(complain) }, h("summary", {}, "What happened"), history, deliveries.element),
    h("details", { class: "card" }, h("summary", {}, "All settings"), settings),
  );
  render();
  result.show(job);

  const signal = new AbortController().signal;
  const connected = (yes) => (yes ? quiet() : notice("The connection is lost; trying again …"));
  for await (const { type, data } of follow(job.urls.events, { signal, connected })) {
    if (type === "progress") job = { ...job, progress: data };
    if (type === "stage") job = { ...job, stage: data.stage };
    if (type === "metrics") figures.add(data);
    if (type === "resolved") settings.textContent = JSON.stringify(data.settings, null, 2);
    if (type === "sample") samples.add(data.images);
    if (type === "finding") findings.add(data);
    if (type === "status" || type === "log") remember(data);
    if (REREAD.includes(type)) rereadSoon();
    render();
  }

  // A page that is opened late gets all events at once.
  function rereadSoon() {
    waiting ||= setTimeout(() => {
      waiting = 0;
      reread().catch(complain);
    }, 200);
  }

  async function reread() {
    job = await askJson(base);
    result.show(job);
    render();
  }

  function render() {
    const { images, of, images_per_second: rate, eta_seconds: left } = job.progress;
    const running = job.status === "running";
    const place = job.queue_position ? `${job.queue_position} before it` : "next in line";
    const now = h(
      "span", { class: "row" },
      badge(job.status), running && job.stage ? h("span", {}, job.stage) : "", job.status === "queued" ? h("span", {}, place) : "",
      job.attempt > 1 ? h("span", { class: "soft small" }, `attempt ${job.attempt}`) : "",
    );
    // Readers of the screen are told of changes alone.
    if (state.textContent !== now.textContent) state.replaceChildren(now);
    progress.value = job.status === "succeeded" ? 1 : of ? images / of : 0;
    progress.setAttribute("aria-valuetext", of ? `${count(images)} of ${count(of)} pictures` : "not begun");
    told.textContent = [
      of ? `${count(Math.min(images, of))} of ${count(of)} pictures` : "",
      rate ? `${count(Math.round(rate))} a second` : "",
      running && job.stage === "training" && left ? `${duration(left)} to go` : "",
      ENDED.includes(job.status) && job.started_at ? `took ${duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000)}` : "",
    ].filter(Boolean).join(" · ");
    error.textContent = job.error?.detail ?? "";
    steer.show(job);
    if (ENDED.includes(job.status)) figures.ended();
  }

  function remember({ at, status, why, line }) {
    const item = status ? [badge(status), ` ${why}`] : [line];
    history.append(h("li", {}, h("time", { class: "soft numbers", datetime: at }, new Date(at).toLocaleTimeString("en")), " ", item));
  }
}
