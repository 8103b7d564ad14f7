// A checkpoint from elsewhere becomes a version.

import { h, icon } from "../shell/element.js";
import { bytes } from "../jobs/words.js";
import { askJson } from "../shell/service.js";

/** The form; after an import the page shows the model. */
export function buildImport() {
  const file = h("input", { type: "file", class: "unseen", accept: ".safetensors", required: true, onchange: chosen });
  const told = h("span", { class: "small" }, "a safetensors file that Likeness wrote");
  const name = h("input", { id: "import-name", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9._\\-]*", autocomplete: "off", spellcheck: "false" });
  const text = h("textarea", { id: "import-card", rows: 4, spellcheck: "false" });
  const error = h("p", { class: "error", role: "alert" });
  const status = h("p", { class: "small soft", role: "status" });
  const send = h("button", { class: "button primary" }, "Import");
  const drop = h("label", { class: "drop", ondragover: over, ondragleave: over, ondrop: over }, file, icon("upload", 28), h("strong", {}, "Drop a checkpoint"), told);

  function over(event) {
    event.preventDefault();
    drop.classList.toggle("over", event.type === "dragover");
    if (event.type !== "drop" || !event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    chosen();
  }

  function chosen() {
    const [one] = file.files;
    told.textContent = one ? `${one.name}, ${bytes(one.size)}` : "a safetensors file that Likeness wrote";
    // An exported file is called name-version.safetensors.
    if (one && !name.value) name.value = one.name.replace(/(-[0-9a-f]{12})?\.safetensors$/, "").toLowerCase();
  }

  async function bring(event) {
    event.preventDefault();
    error.textContent = file.files.length ? "" : "Choose a file first.";
    if (error.textContent) return;
    const body = new FormData();
    body.append("name", name.value.trim());
    body.append("card", text.value);
    body.append("file", file.files[0]);
    send.disabled = true;
    status.textContent = "Sending it; then a serving worker tries it …";
    try {
      const { id } = await askJson("/v1/models", { method: "POST", body });
      location.assign(`/models?model=${encodeURIComponent(id)}`);
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      error.textContent = problem.message;
      rest();
    }
  }

  function rest() {
    status.textContent = "";
    send.disabled = false;
  }

  addEventListener("pageshow", rest); // whoever comes back finds the page as it was left: with the button off

  return h(
    "section", { class: "card", "aria-labelledby": "import-title" }, h("h2", { id: "import-title" }, "Import"),
    h(
      "form", { class: "columns", onsubmit: bring }, drop,
      h(
        "div", { class: "stack" },
        h("div", { class: "field" }, h("label", { for: "import-name" }, "Name of the model"), name,
          h("small", {}, "A name that is there gets one more version.")),
        h("div", { class: "field" }, h("label", { for: "import-card" }, "Card, in Markdown"), text),
        error, h("div", { class: "row apart" }, status, send),
      ),
    ),
  );
}
