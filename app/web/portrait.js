// The large face: the seed that is typed, its options, and the tag that puts it into any page.

import { faceAddress, show } from "./service.js";

const PAUSE = 140; // milliseconds without a key press before a face is drawn

/** Connect the seed box and its options; `elements` are those of the page. */
export function buildPortrait({ elements, changed, chosen }) {
  const { image, caption, form, seed, random, generator, label, truncation, truncationText, snippet, copy } = elements;
  let asked = new AbortController();
  let timer = 0;

  const options = () => ({
    truncation: truncation.value === truncation.dataset.own ? undefined : truncation.value,
    model: generator.value === generator.dataset.own ? undefined : generator.value,
    label: label.value,
  });

  const draw = async () => {
    const text = seed.value.trim() || "ada";
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    image.classList.add("waiting");
    tell(text);
    chosen(text);
    const there = await show(image, faceAddress(text, { size: 512, ...options() }), { signal }).catch(() => false);
    if (signal.aborted) return;
    image.classList.toggle("waiting", !there);
    image.alt = there ? `A drawn picture for the seed ${text}` : "";
  };

  const tell = (text) => {
    const address = new URL(faceAddress(text, options(), "png"), location.href).href;
    snippet.textContent = `<img src="${address.replaceAll("&", "&amp;")}" alt="">`;
    caption.textContent = "Nobody. A network drew this.";
  };

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(draw, PAUSE);
  };

  const redraw = () => {
    truncationText.value = Number(truncation.value).toFixed(2);
    soon();
    changed();
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); draw(); });
  seed.addEventListener("input", soon);
  seed.addEventListener("focus", () => seed.select());
  random.addEventListener("click", () => { seed.value = fresh(); draw(); });
  truncation.addEventListener("input", () => { truncationText.value = Number(truncation.value).toFixed(2); soon(); });
  truncation.addEventListener("change", redraw);
  generator.addEventListener("change", redraw);
  label.addEventListener("change", redraw);
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(snippet.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });

  return {
    options,
    draw,
    choose(text) {
      seed.value = text;
      draw();
      document.getElementById("draw").scrollIntoView({ block: "start" });
    },
  };
}

function fresh() {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => letters[byte % letters.length]).join("");
}
