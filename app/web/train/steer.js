// What can be done with a training now: pause it, go on with it, cancel it; and train again once it has ended.

import { h, icon } from "../shell/element.js";
import { ask } from "../shell/service.js";
import { complain, quiet } from "../shell/shell.js";
import { ENDED } from "../jobs/words.js";

/** Returns `{ element, show(job) }`; `again` is the address of a new training like it, if any, and `changed` is called after a move. */
export function buildSteer({ again, changed }) {
  const element = h("div", { class: "row", tabindex: -1 });

  function show(job) {
    if (element.dataset.status === job.status) return;
    element.dataset.status = job.status;
    const focused = element.contains(document.activeElement);
    element.replaceChildren(...moves(job));
    // Not a button: whoever presses Enter twice must not cancel what was to be paused.
    if (focused) element.focus();
  }

  function moves({ status, urls }) {
    if (ENDED.includes(status)) return again ? [h("a", { class: "button", href: again }, "Train again")] : [];
    const move = (name, text, drawing, look = "") => h(
      "button", { type: "button", class: `button ${look}`, onclick: () => push(urls[name]) }, icon(drawing), text,
    );
    return [
      status === "queued" || status === "running" ? move("pause", "Pause", "pause") : null,
      status === "paused" ? move("resume", "Go on", "play", "primary") : null,
      status === "cancelling" ? null : move("cancel", "Cancel", "stop", "danger"),
    ].filter(Boolean);
  }

  // The service takes the same wish twice.
  async function push(address) {
    try {
      await ask(address, { method: "POST" });
      quiet();
    } catch (problem) {
      complain(problem);
    }
    await changed();
  }

  return { element, show };
}
