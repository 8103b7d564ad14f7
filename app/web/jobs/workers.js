// Who works, on what, and how busy: workers and queues as the service last told.

import { h } from "../shell/element.js";
import { badge, count, duration } from "./words.js";

/** Returns `{ element, show(status, held) }`; held are the jobs that some worker has now. */
export function buildWorkers() {
  const cards = h("div", { class: "cards" });
  const queues = h("dl", { class: "tiles" });
  const element = h(
    "section", { class: "stack", "aria-labelledby": "workers-title" }, h("h2", { id: "workers-title" }, "Workers"), cards, queues,
  );
  const before = new Map(); // worker's name to what it told the last time, and when
  const known = new Map(); // worker's name to its card

  function show({ workers, queues: lengths, models, coalescing, face_cache: cache }, held) {
    const names = new Map(Object.entries(models).map(([name, version]) => [version, name]));
    for (const name of known.keys()) if (!workers.some((worker) => worker.name === name)) known.delete(name);
    for (const worker of workers) {
      if (!known.has(worker.name)) known.set(worker.name, h("article", { class: "card worker" }));
      const mine = held.filter((job) => job.worker === worker.name);
      fill(known.get(worker.name), worker, mine, worker.models.map((version) => names.get(version) ?? version.slice(7, 19)));
      before.set(worker.name, { busy: worker.busy_seconds, at: performance.now() });
    }
    if (workers.length) cards.replaceChildren(...known.values());
    else cards.replaceChildren(h("p", { class: "empty" }, "No worker reports for duty. Start one with “likeness worker infer”."));
    queues.replaceChildren(
      ...Object.entries(lengths).map(([queue, length]) => tile(`waiting for ${queue} workers`, count(length))),
      tile("pictures in a batch", coalescing.mean_batch_images === null ? "–" : `${coalescing.mean_batch_images}`),
      tile("pictures waiting", count(coalescing.waiting_images)),
      tile("faces from the cache", cache.hits + cache.misses ? `${Math.round((100 * cache.hits) / (cache.hits + cache.misses))} %` : "–"),
    );
  }

  function fill(card, { name, queue, state, device, engine, images, busy_seconds: busy }, jobs, loaded) {
    const last = before.get(name);
    const share = last ? Math.min(1, Math.max(0, (1000 * (busy - last.busy)) / (performance.now() - last.at))) : 0;
    card.replaceChildren(h(
      "div", { class: "stack tight" },
      h("div", { class: "row apart" }, h("h3", {}, name), badge(jobs.length && state === "ready" ? "busy" : state)),
      h("p", { class: "small soft" }, `${queue} · ${device} · ${engine}`),
      queue === "infer" ? h(
        "div", { class: "busy small" }, h("span", {}, "busy"), h("meter", { min: 0, max: 1, value: share, "aria-label": `How busy ${name} is` }),
        h("span", { class: "numbers" }, `${Math.round(100 * share)} %`),
      ) : null,
      jobs.length ? h("ul", { class: "plain small" }, jobs.map(doing)) : queue === "train" ? h("p", { class: "small soft" }, "Waits for a job.") : null,
      images ? h("p", { class: "small soft" }, `${count(images)} pictures in ${duration(busy)} of work`) : null,
      loaded.length ? h("p", { class: "small soft" }, `in memory: ${loaded.join(", ")}`) : null,
    ));
  }

  return { element, show };
}

function doing({ id, kind, stage, progress: { images, of } }) {
  const address = kind === "training" ? `/train?job=${id}` : `/jobs?job=${id}`;
  const far = of ? ` ${Math.round((100 * Math.min(images, of)) / of)} %` : "";
  return h("li", {}, h("a", { href: address }, kind), stage && stage !== kind ? `, ${stage}` : "", far);
}

function tile(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}
