// One durable job: what happened to it, and what it made.

import { byId, h } from "../shell/element.js";
import { follow } from "./events.js";
import { ENDED, ago, badge, count } from "./words.js";
import { ask, askJson, show } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";

/** Show the job `id` on the page, and follow it until it has ended. */
export async function showJob(id) {
  const address = `/v1/jobs/${id}`;
  let job = await askJson(address);
  const state = h("span", { class: "row", role: "status" });
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const told = h("span", { class: "numbers soft" });
  const error = h("p", { class: "error" });
  const cancel = h("button", { type: "button", class: "button danger", onclick: stop }, "Cancel");
  const made = h("section", { class: "card", "aria-label": "What it made", hidden: true });
  const history = h("ol", { class: "history small" });

  document.title = `${job.kind} · Jobs · Likeness`;
  byId("main").replaceChildren(
    h(
      "header", { class: "page-head" }, h("p", { class: "small" }, h("a", { href: "/jobs" }, "Jobs"), ` › ${id}`),
      h("div", { class: "row apart" }, h("h1", {}, job.kind), cancel),
      h(
        "p", { class: "soft" }, "accepted ", ago(job.created_at),
        job.kind === "training" ? [", ", h("a", { href: `/train?job=${id}` }, "its figures and samples")] : "",
      ),
    ),
    h("section", { class: "card", "aria-label": "Where it stands" }, h("div", { class: "row apart" }, state, told), progress, error),
    made, h("section", { class: "card", "aria-labelledby": "history-title" }, h("h2", { id: "history-title" }, "What happened"), history),
  );
  render();
  const { signal } = new AbortController();
  const connected = (yes) => (yes ? quiet() : notice("The connection is lost; trying again …"));
  for await (const { type, data } of follow(job.urls.events, { signal, connected })) {
    if (type === "progress") job = { ...job, progress: data };
    if (type === "status") {
      history.append(entry(data));
      // Its record tells the worker, too. Where it cannot be had now, a later event or the end reads it.
      job = await askJson(address).catch(() => job);
    }
    render();
  }
  job = await askJson(address);
  render();
  if (job.output) {
    made.replaceChildren(h("h2", {}, "What it made"), ...output(job.output));
    made.hidden = false;
  }

  function render() {
    const { images, of } = job.progress;
    const now = h("span", { class: "row" }, badge(job.status), job.worker ? h("span", { class: "soft" }, `on ${job.worker}`) : null);
    // Readers of the screen are told of changes alone.
    if (state.textContent !== now.textContent) state.replaceChildren(now);
    progress.value = job.status === "succeeded" ? 1 : of ? images / of : 0;
    told.textContent = of ? `${count(images)} of ${count(of)} pictures` : "";
    error.textContent = job.error?.detail ?? "";
    cancel.hidden = ENDED.includes(job.status);
  }

  async function stop() {
    cancel.disabled = true;
    await ask(job.urls.cancel, { method: "POST" }).catch(complain);
  }
}

function entry({ at, status, why }) {
  return h("li", {}, h("time", { class: "soft numbers", datetime: at }, new Date(at).toLocaleTimeString("en")), " ", badge(status), ` ${why}`);
}

// Pictures that were drawn, a walk, or what was recognised.
function output({ images, url, content_type, results }) {
  if (results) {
    return [h("ol", { class: "plain" }, results.map(({ predictions: [first] }) => h("li", {}, `${first.label}, ${(100 * first.probability).toFixed(1)} %`)))];
  }
  const pictures = images ?? [{ url, content_type, seed: "a walk from face to face" }];
  return [h("div", { class: "made" }, pictures.map(({ url, content_type: type, seed }) => {
    const shown = type.startsWith("video/")
      ? h("video", { "aria-label": seed, title: seed, controls: true, loop: true, muted: true, playsinline: true })
      : h("img", { alt: seed, title: seed });
    show(shown, url).catch(complain);
    return shown;
  }))];
}
