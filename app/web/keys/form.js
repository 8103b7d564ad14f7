// Making a key, and showing its secret, which nobody can see again.

import { askInDialog, tellInDialog } from "../shell/dialog.js";
import { h } from "../shell/element.js";
import { secretToCopy } from "../shell/secret.js";
import { askJson } from "../shell/service.js";

const DAY = 86_400_000; // milliseconds
const SCOPES = {
  predict: "draw and classify",
  train: "upload pictures, train, publish models",
  admin: "everything, with what belongs to others, and keys",
};
const ENDS = [["", "never"], [7, "in a week"], [30, "in 30 days"], [90, "in 90 days"], [365, "in a year"]]; // days

/** Ask what a key is for, make it, and show its secret. Resolves to the key, or null. `others` are keys to share with. */
export async function makeKey(others) {
  const made = await askInDialog({
    title: "Make a key",
    content: [
      h("label", { class: "field" }, h("span", {}, "Name"), h("input", { name: "name", required: true, maxlength: 64, autocomplete: "off" }),
        h("small", {}, "What or whom it is for.")),
      h("fieldset", {}, h("legend", {}, "It may"), Object.entries(SCOPES).map(([scope, told]) => h(
        "label", { class: "check scope" },
        h("input", { type: "checkbox", name: "scopes", value: scope, checked: scope === "predict" }),
        h("span", {}, h("strong", {}, scope), ` ${told}`),
      ))),
      h("label", { class: "field" }, h("span", {}, "It ends"), select("expires_at", ENDS)),
      others.length > 0 && h(
        "label", { class: "field" }, h("span", {}, "It sees the jobs, data sets and models of"),
        select("shares", [["", "itself alone"], ...others.map(({ id, name }) => [id, name])]),
      ),
    ],
    action: "Make it",
    act: (data) => askJson("/v1/keys", { json: request(data) }),
  });
  if (made) tellSecret(made);
  return made;
}

/** Show the secret of a key that was just made or rotated. */
export function tellSecret({ name, secret }) {
  tellInDialog({
    title: `The key ${name}`,
    content: [h("p", {}, "Copy it now. It is shown this once: the service keeps only its fingerprint."), secretToCopy(secret)],
    action: "I have it",
  });
}

function request(data) {
  const days = Number(data.get("expires_at"));
  return {
    name: data.get("name").trim(),
    scopes: data.getAll("scopes"),
    expires_at: days ? new Date(Date.now() + days * DAY).toISOString() : null,
    shares: data.get("shares") || null,
  };
}

function select(name, pairs) {
  return h("select", { name }, pairs.map(([value, text]) => h("option", { value }, text)));
}
