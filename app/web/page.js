// The first page: finds its elements and connects its three parts.

import { buildClassify } from "./classify.js";
import { buildWall } from "./faces.js";
import { buildPortrait } from "./portrait.js";
import { ask } from "./service.js";
import { complain, ready } from "./shell.js";

const $ = (id) => document.getElementById(id);
let wall = null;

const portrait = buildPortrait({
  elements: {
    image: $("portrait"), caption: $("portrait-caption"), form: $("seed-form"), seed: $("seed"), random: $("random"),
    generator: $("generator"), label: $("label"), truncation: $("truncation"), truncationText: $("truncation-text"),
    snippet: $("snippet"), copy: $("copy"),
  },
  changed: () => wall?.refresh(),
  chosen: (seed) => wall?.mark(seed),
});

buildClassify({
  elements: {
    drop: $("drop"), text: $("drop-text"), file: $("file"), picture: $("picture"), heat: $("heat"),
    classifier: $("classifier"), explain: $("explain"), predictions: $("predictions"), note: $("classify-note"),
  },
});

start();

async function start() {
  await ready();
  try {
    const { data } = await (await ask("/v1/models")).json();
    offer(data);
  } catch (problem) {
    complain(problem);
    return;
  }
  wall ??= buildWall({ wall: $("wall"), more: $("more"), options: portrait.options, choose: portrait.choose });
  portrait.draw();
}

/** Offer the models there are; a choice of one is none. */
function offer(models) {
  const of = (kind) => models.filter((model) => model.kind === kind && model.version);
  fill($("classifier"), of("classifier"));
  fill($("generator"), of("generator"));
  const labels = () => {
    const model = models.find(({ id }) => id === $("generator").value);
    const named = model?.labels ?? [];
    $("truncation").value = $("truncation").dataset.own = model?.truncation ?? 1;
    $("truncation-text").value = Number($("truncation").value).toFixed(2);
    $("label").replaceChildren(new Option("any", ""), ...named.map((name) => new Option(name, name)));
    $("label-choice").hidden = !named.length;
  };
  // Before the portrait's own listener draws, so that it finds the new model's labels.
  $("generator").addEventListener("change", labels, { capture: true });
  labels();
  const known = of("classifier").find((model) => model.default) ?? of("classifier")[0];
  if (known) {
    const names = known.labels.slice(0, 6).join(", ");
    $("classify-about").textContent = `Drop one here, paste it, or choose a file. ${known.id} knows ${names}${known.labels.length > 6 ? " and more" : ""}.`;
  }
}

function fill(select, models) {
  select.replaceChildren(...models.map((model) => new Option(model.id, model.id, model.default, model.default)));
  select.dataset.own = models.find((model) => model.default)?.id ?? "";
  $(`${select.id}-choice`).hidden = models.length < 2;
}
