// The page /classify: pictures that are given, or drawn as samples, and what a classifier says of them.

import { byId, h } from "../shell/element.js";
import { receiveFiles } from "./files.js";
import { PictureReading } from "./reading.js";
import { ask, askJson, show } from "../shell/service.js";
import { complain, notice, quiet, ready } from "../shell/shell.js";

const AT_ONCE = 4; // questions under way; the service gathers them into batches
const NO_BREAK = "\u2011"; // a hyphen at which no line ends
const SAMPLE_SIZE = 112; // pixels

const query = new URLSearchParams(location.search);
const waiting = [];
let running = 0;

byId("abstain").value = query.get("abstain") ?? 0.5;
byId("explain").checked = query.get("explain") !== "false";
tellAbstain();

receiveFiles({ input: byId("files"), box: byId("drop"), take });
byId("abstain").addEventListener("input", tellAbstain);
for (const name of ["abstain", "explain", "model"]) byId(name).addEventListener("change", changed);
byId("clear").addEventListener("click", () => { byId("readings").replaceChildren(); tellCount(); });
new MutationObserver(tellCount).observe(byId("readings"), { childList: true });

ready();
start().catch(complain);

async function start() {
  const { data } = await askJson("/v1/models");
  const usable = (kind) => data.filter((model) => model.kind === kind && model.version);
  const classifiers = usable("classifier");
  const wanted = query.get("model") ?? "";
  const names = classifiers.map(({ id }) => id);
  // A link may name a version, or the checkpoint of a run, which are not listed.
  if (wanted && !names.includes(wanted)) names.unshift(wanted);
  byId("model").replaceChildren(...names.map((name) => new Option(name)));
  const own = classifiers.find((model) => model.default)?.id ?? "";
  byId("model").value = wanted || own || names[0];
  byId("model").dataset.own = own;
  byId("model-choice").hidden = names.length < 2;
  await tellModel(usable("generator"));
  byId("model").addEventListener("change", () => tellModel(usable("generator")).catch(complain));
}

/** Say what the model knows, and offer samples where a generator draws the same classes. */
async function tellModel(generators) {
  const name = byId("model").value;
  if (!name) return notice("There is no classifier yet. Train one, or import one.");
  const { labels, version, versions } = await askJson(`/v1/models/${encodeURIComponent(name.split("@")[0])}`);
  if (!version && !name.includes("@")) {
    return notice(`${name} has no version in production. Put one there, or follow the link of a version, on the page of models.`);
  }
  const known = labels.length ? labels : versions[0].labels;
  const some = known.slice(0, 6).join(", ").replaceAll("-", NO_BREAK);
  byId("about").textContent = `Drop some here, paste them, or choose files. ${name} knows ${some}${known.length > 6 ? " and more" : ""}.`;
  const generator = generators.find((one) => one.labels.some((label) => known.includes(label)));
  byId("samples").hidden = !generator;
  if (!generator) return;
  byId("samples-about").textContent = `${generator.id} draws them: no photograph of anything. Press one to see whether ${name} agrees.`;
  const shared = generator.labels.filter((label) => known.includes(label));
  byId("sample-list").replaceChildren(...shared.map((label) => sample(generator.id, label)));
}

function sample(model, label) {
  const options = new URLSearchParams({ size: SAMPLE_SIZE, model, label });
  const address = `/v1/faces/${encodeURIComponent(`a ${label}`)}.png?${options}`;
  const image = h("img", { alt: "", width: SAMPLE_SIZE, height: SAMPLE_SIZE });
  show(image, address).catch(complain);
  const give = async () => add(await (await ask(address)).blob(), `Drawn as ${label}`);
  return h("button", { type: "button", onclick: () => give().catch(complain) }, image, h("span", {}, label));
}

function take(files) {
  const pictures = files.filter(({ type }) => type.startsWith("image/"));
  if (pictures.length < files.length) notice("Only pictures can be classified.", { tone: "bad" });
  else quiet();
  for (const file of pictures) add(file, file.name || "Pasted picture");
}

function add(blob, name) {
  const reading = new PictureReading(blob, name);
  byId("readings").prepend(reading);
  reading.scrollIntoView({ block: "nearest" });
  question(reading);
}

function changed() {
  const told = {
    model: byId("model").value === byId("model").dataset.own ? "" : byId("model").value,
    abstain: Number(byId("abstain").value) === 0.5 ? "" : byId("abstain").value,
    explain: byId("explain").checked ? "" : "false",
  };
  const next = new URLSearchParams(Object.entries(told).filter(([, value]) => value));
  history.replaceState(null, "", next.size ? `?${next}` : location.pathname);
  for (const reading of byId("readings").children) question(reading);
}

function question(reading) {
  if (!waiting.includes(reading)) waiting.push(reading);
  pump();
}

function pump() {
  while (running < AT_ONCE && waiting.length) {
    const reading = waiting.shift();
    if (!reading.isConnected) continue;
    running += 1;
    const asked = { model: byId("model").value, explain: byId("explain").checked, abstain: byId("abstain").value };
    reading.ask(asked).then((told) => { if (told) byId("told").textContent = told; }).finally(() => { running -= 1; pump(); });
  }
}

function tellAbstain() {
  const value = Number(byId("abstain").value);
  byId("abstain").style.setProperty("--to", `${(100 * value) / byId("abstain").max}%`);
  byId("abstain-text").textContent = value ? `${Math.round(100 * value)} %` : "never";
}

function tellCount() {
  byId("read").hidden = !byId("readings").children.length;
}
