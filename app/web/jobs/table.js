// The durable jobs, newest first, narrowed as the page's address says; rows change in place, so that the focus stays.

import { h } from "../shell/element.js";
import { ago, badge, count, duration } from "./words.js";
import { ask, askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";

const STEP = 25;
const MOST = 100; // of one page of the service; older jobs are found by their kind and state
const KINDS = ["training", "dataset", "probe", "generate", "classify", "animate"];
const STATES = ["queued", "running", "pausing", "paused", "cancelling", "cancelled", "succeeded", "failed"];
const OPEN = ["queued", "running", "pausing", "paused"]; // what can be cancelled

/** Returns `{ element, look() }`; `query` is that of the page, and `changed` is called when something was cancelled. */
export function buildJobs(query, changed) {
  let limit = STEP;
  const rows = new Map(); // job's id to { element, fill(job) }
  const kind = choice("Kind", "kind", KINDS);
  const status = choice("Status", "status", STATES);
  const body = h("tbody", {});
  const none = h("p", { class: "empty" }, "No jobs.");
  const more = h("button", { type: "button", class: "button", hidden: true, onclick: () => { limit = Math.min(MOST, limit + STEP); again(); } }, "More");
  const heads = ["Job", "Status", "Progress", "Worker", "Accepted", "Took", ""];
  const table = h(
    "div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "jobs-title" },
    h("table", { class: "jobs" }, h("thead", {}, h("tr", {}, heads.map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {}))))), body),
  );
  const element = h(
    "section", { class: "stack", "aria-labelledby": "jobs-title" },
    h("div", { class: "row apart" }, h("h2", { id: "jobs-title" }, "Jobs"), h("div", { class: "row filters" }, kind.element, status.element)),
    none, table, h("div", { class: "row" }, more),
  );

  function choice(label, name, values) {
    const select = h(
      "select", { onchange: narrow }, h("option", { value: "" }, "any"), values.map((value) => h("option", { value }, value)),
    );
    select.value = values.includes(query.get(name)) ? query.get(name) : "";
    return { name, select, element: h("label", { class: "row small" }, label, select) };
  }

  function narrowed() {
    return [kind, status].filter(({ select }) => select.value).map(({ name, select }) => [name, select.value]);
  }

  function narrow() {
    const text = new URLSearchParams(narrowed()).toString();
    history.replaceState(null, "", text ? `/jobs?${text}` : "/jobs");
    again();
  }

  function again() {
    look().catch(complain);
  }

  async function look() {
    const wanted = narrowed();
    const { data, has_more: longer } = await askJson(`/v1/jobs?${new URLSearchParams([["limit", limit], ...wanted])}`);
    if (String(wanted) !== String(narrowed())) return; // somebody has chosen otherwise meanwhile
    none.hidden = data.length > 0;
    table.hidden = !data.length;
    more.hidden = !longer || limit === MOST;
    const there = new Set(data.map(({ id }) => id));
    for (const [id, { element: gone }] of rows) {
      if (there.has(id)) continue;
      gone.remove();
      rows.delete(id);
    }
    for (const [at, job] of data.entries()) {
      if (!rows.has(job.id)) rows.set(job.id, row(job, changed));
      const { element: line, fill } = rows.get(job.id);
      fill(job);
      if (body.children[at] !== line) body.insertBefore(line, body.children[at] ?? null);
    }
  }

  return { element, look };
}

function row({ id, kind, created_at: accepted }, changed) {
  let told = "";
  const address = kind === "training" ? `/train?job=${id}` : `/jobs?job=${id}`;
  const [status, progress, worker, since, took] = Array.from({ length: 5 }, () => h("td", {}));
  const cancel = h("button", { type: "button", class: "button small", "aria-label": `Cancel ${kind} ${id}` }, "Cancel");
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await ask(`/v1/jobs/${id}/cancel`, { method: "POST" }).catch(complain);
    await changed().catch(complain);
  });
  const element = h(
    "tr", {}, h("th", { scope: "row" }, h("a", { href: address }, kind), h("small", { class: "mono soft" }, id)),
    status, progress, worker, since, took, h("td", {}, cancel),
  );

  function fill(job) {
    since.replaceChildren(ago(accepted));
    const { progress: { images, of }, started_at: started, finished_at: finished, queue_position: before } = job;
    if (started && !finished) took.textContent = duration((Date.now() - new Date(started)) / 1000);
    if (JSON.stringify(job) === told) return;
    told = JSON.stringify(job);
    status.replaceChildren(badge(job.status), job.stage && job.worker ? h("small", { class: "soft" }, ` ${job.stage}`) : "");
    progress.replaceChildren(
      of ? h("progress", { max: of, value: Math.min(images, of), "aria-label": "Progress", title: `${count(images)} of ${count(of)}` }) : "",
      before ? `${count(before)} before it` : "",
    );
    worker.textContent = job.worker ?? "";
    if (started && finished) took.textContent = duration((new Date(finished) - new Date(started)) / 1000);
    cancel.hidden = !OPEN.includes(job.status);
  }

  return { element, fill };
}
