// A form made from the JSON Schema of a preset's settings. What is not changed is not sent.

import { h } from "../shell/element.js";
import { buildField } from "./field.js";

/**
 * Fields for the settings in `schema`, without those that are said elsewhere.
 *
 * Returns `{ element, changes(), mark(errors) }`: changes are `{ "network.size": 32 }`; errors are those of a Problem.
 */
export function buildSettings(schema, { without }) {
  const fields = new Map(); // dotted name to { input, read(), error }
  const element = group(schema, "", fields, without);
  return {
    element,
    changes() {
      const found = {};
      for (const [name, { read, own }] of fields) {
        const value = read();
        if (JSON.stringify(value) !== JSON.stringify(own)) found[name] = value;
      }
      return found;
    },
    /** Tell each field what is wrong with it; returns the errors that no field here is to blame for. */
    mark(errors) {
      for (const field of fields.values()) field.tell("");
      return errors.filter(({ loc, msg }) => {
        const path = loc.slice(2).filter((part) => typeof part === "string").join(".");
        const field = loc[1] === "settings" ? fields.get(path) : undefined;
        field?.tell(msg);
        return !field;
      });
    },
  };
}

function group(schema, start, fields, without) {
  const single = [], nested = [];
  for (const [key, entry] of Object.entries(schema.properties)) {
    const name = start + key;
    if (without.includes(name)) continue;
    if (entry.properties) {
      nested.push(h("fieldset", { class: "settings" }, h("legend", {}, words(key)), group(entry, `${name}.`, fields, without)));
    } else {
      single.push(field(name, key, entry, fields));
    }
  }
  return h("div", { class: "stack" }, h("div", { class: "settings-grid" }, single), nested);
}

function field(name, key, entry, fields) {
  const id = `setting-${name.replaceAll(".", "-")}`;
  const { input, read, write } = control(entry, { id, name });
  const own = entry.default;
  const { element, tell } = buildField({ label: words(key), input, hint: hint(entry) });
  element.classList.add("setting");
  input.addEventListener("input", () => element.classList.toggle("changed", JSON.stringify(read()) !== JSON.stringify(own)));
  write(own);
  fields.set(name, { own, read, tell });
  return element;
}

// An input for one setting; what cannot be read as the wanted type is sent as it is, and the service tells what is wrong.
function control(entry, attributes) {
  if (entry.enum) {
    const input = h("select", attributes, entry.enum.map((value, at) => h("option", { value: at }, String(value))));
    return { input, read: () => entry.enum[input.value], write: (value) => { input.value = entry.enum.indexOf(value); } };
  }
  const type = entry.type ?? entry.anyOf?.find((option) => option.type !== "null")?.type;
  if (type === "boolean") {
    const input = h("input", { ...attributes, type: "checkbox" });
    return { input, read: () => input.checked, write: (value) => { input.checked = value; } };
  }
  const numeric = type === "integer" || type === "number";
  const input = h("input", { ...attributes, type: "text", inputmode: numeric ? "decimal" : undefined, autocomplete: "off", spellcheck: "false" });
  if (type === "array") {
    const read = () => input.value.split(/[\s,]+/).filter(Boolean).map(number);
    return { input, read, write: (value) => { input.value = value.join(", "); } };
  }
  const read = () => (entry.anyOf && !input.value.trim() ? null : numeric ? number(input.value) : input.value);
  return { input, read, write: (value) => { input.value = value ?? ""; } };
}

function number(text) {
  const value = Number(text.trim() || NaN);
  return Number.isNaN(value) ? text : value;
}

function hint({ description, minimum, maximum, default: own }) {
  const limits = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : minimum !== undefined ? `at least ${minimum}` : "";
  const told = own === "" || own === null || own?.length === 0 ? "" : `preset: ${Array.isArray(own) ? own.join(", ") : own === true ? "yes" : own === false ? "no" : own}`;
  return [description, limits, told].filter(Boolean).join("; ");
}

function words(key) {
  return key.replaceAll("_", " ");
}
