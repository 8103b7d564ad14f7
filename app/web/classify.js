// A picture that is dropped, pasted or chosen, and what the classifier says of it.

import { ask } from "./service.js";

const LARGEST = 1600; // pixels; a larger photo is reduced here, which saves the upload

/** Connect the drop zone; `elements` are those of the page. */
export function buildClassify({ elements }) {
  const { drop, text, file, picture, heat, classifier, explain, predictions, note } = elements;
  let asked = new AbortController();
  let current = null;

  const classify = async (blob) => {
    current = blob;
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    showPicture(picture, URL.createObjectURL(blob));
    heat.hidden = true;
    text.hidden = true;
    note.textContent = "Looking …";
    try {
      const form = new FormData();
      form.append("image", await reduced(blob), "picture");
      form.append("explain", "true");
      if (classifier.value) form.append("model", classifier.value);
      const answer = await (await ask("/v1/classify", { method: "POST", body: form, signal })).json();
      tell(answer);
    } catch (problem) {
      if (signal.aborted) return;
      predictions.replaceChildren();
      note.textContent = problem.message;
    }
  };

  const tell = ({ results: [result], model, timing }) => {
    predictions.replaceChildren(...result.predictions.map(row));
    requestAnimationFrame(() => predictions.classList.add("shown"));
    note.textContent = `${model.slice(0, model.indexOf("@"))}, ${timing.total_ms.toFixed(0)} ms`;
    if (result.explanation) {
      heat.src = `data:${result.explanation.content_type};base64,${result.explanation.base64}`;
      heat.alt = `Where the classifier looked to see ${result.predictions[0].label}`;
      heat.hidden = false;
    }
  };

  const take = (files) => {
    const found = [...files].find((one) => one.type.startsWith("image/"));
    if (found) classify(found);
    else note.textContent = "That is not a picture.";
  };

  file.addEventListener("change", () => { if (file.files.length) take(file.files); file.value = ""; });
  explain.addEventListener("change", () => drop.classList.toggle("bare", !explain.checked));
  classifier.addEventListener("change", () => current && classify(current));

  // Anywhere on the page will do: a picture that misses the box would otherwise replace the page.
  addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
}

function row({ label, probability }) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const share = document.createElement("span");
  const track = document.createElement("div");
  const fill = document.createElement("div");
  name.textContent = label;
  share.className = "share";
  share.textContent = `${(100 * probability).toFixed(1)} %`;
  track.className = "track";
  fill.className = "fill";
  track.append(fill);
  item.append(name, share, track);
  requestAnimationFrame(() => requestAnimationFrame(() => fill.style.setProperty("--share", probability)));
  return item;
}

function showPicture(image, url) {
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
  image.alt = "The picture that was given";
  image.hidden = false;
}

/** The picture itself, or a smaller one when it is larger than any network needs. */
async function reduced(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap || Math.max(bitmap.width, bitmap.height) <= LARGEST) return blob;
  const scale = LARGEST / Math.max(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}
