// The pictures of a training: dropped, sent, looked through by a worker, and shown with what was found.

import { askInDialog } from "../shell/dialog.js";
import { h, icon } from "../shell/element.js";
import { follow } from "../jobs/events.js";
import { ago, badge, bytes, count } from "../jobs/words.js";
import { ask, askJson, show } from "../shell/service.js";
import { complain } from "../shell/shell.js";
import { report } from "./report.js";
import { upload } from "./upload.js";

const ACCEPTED = ".zip,.tar,.tgz,.tar.gz,.gz";

const SHAPES = h(
  "dl", { class: "facts shapes" },
  h("dt", {}, "a folder for each class"), h("dd", {}, "makes a classifier"),
  h("dt", {}, "no folders"), h("dd", {}, "make a generator"),
  h("dt", {}, h("code", {}, "train/"), " and ", h("code", {}, "test/"), " on top"), h("dd", {}, "say what is held out; else a tenth is"),
  h("dt", {}, "tar, or IDX files"), h("dd", {}, "will do as well as a zip"),
);

/**
 * The first step. `chosen` is told of the data set that is ready, or of null; `opened` of the id of the one that is shown, ready
 * or not, and of null when it is removed.
 *
 * Returns `{ element, open(id) }`; `open` shows a data set that is there already.
 */
export function buildPictures({ chosen, opened }) {
  let following = new AbortController();
  const input = h("input", { type: "file", class: "unseen", multiple: true, accept: ACCEPTED, onchange: () => take(input.files) });
  const drop = h(
    "label", { class: "drop" }, input, icon("upload", 34), h("strong", {}, "Drop a zip of pictures"),
    h("span", { class: "small" }, "or press to choose a file"),
  );
  const known = h("select", { onchange: () => known.value && open(known.value) });
  const choice = h("label", { class: "field", hidden: true }, h("span", {}, "Or pictures that are here already"), known);
  const status = h("p", { role: "status", class: "small" });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Upload" });
  const shown = h("div", { class: "stack", hidden: true });
  const element = h(
    "section", { class: "card step", "aria-labelledby": "pictures-title" },
    h("h2", { id: "pictures-title" }, "Pictures"), h("div", { class: "columns" }, drop, h("div", { class: "stack" }, SHAPES, choice)),
    bar, status, shown,
  );

  for (const type of ["dragover", "dragleave", "drop"]) {
    // Anywhere on the page will do: a file that misses the box would otherwise replace the page.
    addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragover");
      if (type === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files);
    });
  }

  async function take(files) {
    const list = [...files];
    input.value = "";
    if (!list.length) return;
    const signal = begin(`Sending ${bytes(list.reduce((sum, { size }) => sum + size, 0))} …`);
    try {
      const name = list[0].name.replace(/(\.tar)?\.[a-z]+$/i, "").slice(0, 120);
      await look(await upload(list, name, { signal, told: (share) => { bar.value = share; } }), signal);
    } catch (problem) {
      fail(problem, signal);
    }
  }

  async function open(id) {
    const signal = begin("");
    try {
      await look(await askJson(`/v1/datasets/${id}`, { signal }), signal);
    } catch (problem) {
      fail(problem, signal);
    }
  }

  // Wait until a worker has looked the pictures through, and show what it found; unless others are chosen while it waits.
  async function look(dataset, signal) {
    if (signal.aborted) return;
    opened(dataset.id);
    await fill();
    if (signal.aborted) return;
    known.value = dataset.id;
    if (dataset.status === "validating") {
      status.textContent = "Sent. A worker looks the pictures through …";
      bar.removeAttribute("value");
      for await (const { type, data } of follow(`/v1/jobs/${dataset.job}/events`, { signal })) {
        if (type === "progress" && data.of) bar.value = data.images / data.of;
      }
      if (signal.aborted) return;
      dataset = await askJson(`/v1/datasets/${dataset.id}`, { signal });
      if (signal.aborted) return;
    }
    await fill();
    if (signal.aborted) return;
    bar.hidden = true;
    status.textContent = dataset.status === "ready" ? `${dataset.name}: ${count(dataset.images)} pictures are ready.` : "";
    shown.replaceChildren(...(dataset.status === "ready" ? found(dataset, signal) : broken(dataset, signal)));
    shown.hidden = false;
    chosen(dataset.status === "ready" ? dataset : null);
  }

  function found(dataset, signal) {
    const sheet = h("img", { class: "sheet", alt: `Some pictures of ${dataset.name}${Object.keys(dataset.classes).length ? ", a row for each class" : ""}` });
    show(sheet, `/v1/datasets/${dataset.id}/sheet.png`, { signal }).then((there) => { sheet.hidden = !there; }, complain);
    return [h("div", { class: "columns" }, report(dataset), h("div", { class: "stack" }, sheet)), remover(dataset, signal)];
  }

  function broken(dataset, signal) {
    return [
      h("p", { class: "row" }, badge("failed"), h("strong", {}, dataset.name)),
      h("p", { class: "error" }, dataset.error?.detail ?? "It could not be looked through."), remover(dataset, signal),
    ];
  }

  function remover({ id, name }, signal) {
    const remove = async () => {
      const gone = await askInDialog({
        title: `Remove ${name}?`, content: h("p", {}, "Its pictures are gone for good. Models that were trained on them stay."),
        action: "Remove", danger: true, act: () => ask(`/v1/datasets/${id}`, { method: "DELETE" }),
      });
      if (!gone) return;
      // A file can be dropped while the dialog asks: then that one is on its way.
      if (!signal.aborted) {
        begin(`${name} is gone.`);
        opened(null);
        bar.hidden = true;
        known.value = "";
      }
      await fill().catch(fail);
    };
    return h(
      "div", { class: "row end" },
      h("button", { type: "button", class: "button small quiet", onclick: remove }, icon("trash", 16), "Remove these pictures"),
    );
  }

  // Gives up what began before, so that the last choice stays. Returns the signal by which this one is given up.
  function begin(text) {
    following.abort();
    following = new AbortController();
    shown.hidden = true;
    bar.value = 0;
    bar.hidden = !text;
    status.className = "small";
    status.textContent = text;
    chosen(null);
    return following.signal;
  }

  function fail(problem, signal) {
    if (problem.name === "AbortError") return;
    if (problem.name !== "Problem") throw problem;
    if (signal?.aborted) return;
    bar.hidden = true;
    shown.hidden = true;
    status.className = "error";
    status.textContent = problem.message;
  }

  async function fill() {
    const { data } = await askJson("/v1/datasets?limit=50");
    const chosenBefore = known.value;
    known.replaceChildren(
      h("option", { value: "" }, "choose …"),
      ...data.map(({ id, name, status, images, created_at }) => h(
        "option", { value: id }, `${name}, ${status === "ready" ? `${count(images)} pictures` : status}, ${ago(created_at).textContent}`,
      )),
    );
    known.value = data.some(({ id }) => id === chosenBefore) ? chosenBefore : "";
    choice.hidden = !data.length;
  }

  fill().catch(fail);
  return { element, open };
}
