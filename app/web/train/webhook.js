// Where a training's events are sent to, beside this page.

import { tellInDialog } from "../shell/dialog.js";
import { h } from "../shell/element.js";
import { ENDED } from "../jobs/words.js";
import { secretToCopy } from "../shell/secret.js";
import { askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";
import { buildField } from "./field.js";

const EVENTS = {
  running: "it begins to run", paused: "it is paused", cancelled: "it is cancelled", succeeded: "it has succeeded", failed: "it has failed",
  sample: "it has drawn samples", snapshot: "it is saved", finding: "its health is in doubt", published: "its result is published",
};

/** Returns `{ element, wanted(), tell(text) }`: what the service is asked to send, or null where no address is given. */
export function buildWebhook() {
  const url = h("input", { id: "plan-webhook", type: "url", inputmode: "url", autocomplete: "off", spellcheck: "false", placeholder: "https://" });
  const boxes = Object.entries(EVENTS).map(([event, text]) => [
    h("input", { type: "checkbox", name: "webhook-event", value: `training_job.${event}`, checked: ENDED.includes(event) }), text,
  ]);
  const { element, tell } = buildField({
    label: "Address", input: url, hint: "Messages are signed, as Standard Webhooks says, with a secret that is yours.",
  });
  const secret = h("button", { type: "button", class: "button small", onclick: () => showSecret().catch(complain) }, "Show the secret");
  return {
    element: h(
      "details", { class: "settings-part" }, h("summary", {}, "Tell another service"),
      h(
        "div", { class: "stack" }, element,
        h("fieldset", { class: "events" }, h("legend", {}, "It is told when"), boxes.map(([box, text]) => h("label", { class: "check" }, box, text))),
        h("div", {}, secret),
      ),
    ),
    tell,
    wanted() {
      const events = boxes.map(([box]) => box).filter(({ checked }) => checked).map(({ value }) => value);
      return url.value.trim() ? { url: url.value.trim(), events } : null;
    },
  };
}

async function showSecret() {
  const { secret } = await askJson("/v1/webhooks/secret");
  tellInDialog({
    title: "The secret of your webhooks",
    content: [h("p", {}, "Who gets the messages checks their signatures with it. All trainings of this key share it."), secretToCopy(secret)],
  });
}
