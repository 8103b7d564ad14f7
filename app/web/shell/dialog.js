// Dialogs that ask before something is done, and stay open while it cannot be done.

import { h } from "./element.js";

/**
 * Ask in a dialog.
 *
 * `content` are the nodes between the title and the buttons; `act(data)` is called with the FormData of its fields, and what
 * it rejects with is told in the dialog: beside the field of that name, if there is one. Resolves to what `act` resolves to,
 * or to null when nobody wants it done.
 */
export function askInDialog({ title, content = [], action, danger = false, act }) {
  const { promise, resolve } = Promise.withResolvers();
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: `button ${danger ? "danger" : "primary"}` }, action);
  const form = h(
    "form", { class: "stack" },
    h("h2", { id: "dialog-title" }, title), content, error,
    h(
      "div", { class: "row end" },
      h("button", { type: "button", class: "button quiet", onclick: () => close(null) }, "Cancel"), button,
    ),
  );
  const closed = () => { resolve(null); dialog.remove(); }; // with Escape, too; an answer that was given before counts
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", onclose: closed }, form);
  // Closing gives the focus back to what had it before; removing an open dialog would lose it.
  const close = (answer) => { resolve(answer); dialog.close(); };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true; // a double click asks for it once
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    error.textContent = "";
    try {
      close(await act(new FormData(form)));
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      tell(form, error, problem);
    } finally {
      button.disabled = false;
      // Being disabled took the focus from it; in a dialog that has closed it takes none back.
      if (document.activeElement === document.body) button.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

/** Show something until it has been seen. */
export function tellInDialog({ title, content, action = "Done" }) {
  const dialog = h(
    "dialog", { class: "dialog", "aria-labelledby": "dialog-title", onclose: () => dialog.remove() },
    h("form", { class: "stack", method: "dialog" },
      h("h2", { id: "dialog-title" }, title), content,
      h("div", { class: "row end" }, h("button", { class: "button primary" }, action))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

function tell(form, error, problem) {
  const fields = problem.errors.map(({ loc, msg }) => ({ field: form.elements.namedItem(loc[1]), msg }));
  error.textContent = fields.length ? fields.map(({ msg }) => msg).join(" ") : problem.message;
  for (const { field } of fields) {
    if (!(field instanceof HTMLElement)) continue;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}
