// Draws the HTTP interface from /openapi.json, with a command to try for each address.

import { byId, h } from "../shell/element.js";
import { askJson } from "../shell/service.js";
import "../shell/shell.js";
import { command } from "./command.js";

const described = await askJson("/openapi.json");

byId("about").append(`Version ${described.info.version}. `, ...prose(described.info.description));

const groups = new Map();
for (const [path, operations] of Object.entries(described.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const tag = operation.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push({ path, method: method.toUpperCase(), ...operation });
  }
}
for (const [tag, operations] of groups) {
  byId("contents").append(h("h2", {}, tag), ...operations.map(link));
  byId("operations").append(...operations.map(section));
}
byId(location.hash.slice(1))?.scrollIntoView();

function link({ operationId, summary }) {
  return h("a", { href: `#${operationId}` }, summary);
}

function section(operation) {
  const { operationId, summary, description, method, path } = operation;
  return h(
    "section", { class: "operation", id: operationId },
    h("h2", {}, summary),
    h("p", { class: "address" }, h("span", { class: "method" }, method), h("span", {}, path)),
    h("p", {}, prose(description)),
    part("Parameters", parameters(operation)),
    part("Body", body(operation)),
    part("Answers", Object.entries(operation.responses).map(([status, it]) => [status, it.description])),
    h("h3", {}, "Try it"),
    h("pre", { tabindex: 0 }, h("code", {}, command(operation, resolve))),
  );
}

function part(title, rows) {
  if (!rows.length) return [];
  return [h("h3", {}, title), h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, prose(text))]))];
}

function parameters({ parameters: found = [] }) {
  return found.map(({ name, in: where, required, schema, description = "" }) => {
    const facts = [type(schema), where === "header" ? "header" : "", required && where !== "path" ? "required" : ""];
    return [name, `${facts.filter(Boolean).join(", ")}. ${description}`];
  });
}

function body({ requestBody }) {
  const schema = resolve(requestBody?.content?.["application/json"]?.schema);
  const rows = Object.entries(schema?.properties ?? {}).map(([name, field]) => {
    const needed = schema.required?.includes(name) ? ", required" : "";
    return [name, `${type(field)}${needed}. ${field.description ?? resolve(field)?.description ?? ""}`];
  });
  const others = Object.keys(requestBody?.content ?? {}).filter((kind) => kind !== "application/json");
  return others.length ? [...rows, ["also as", others.join(", ")]] : rows;
}

function type(schema = {}) {
  if (schema.anyOf) return schema.anyOf.map(type).filter((name) => name !== "null").join(" or ");
  const real = resolve(schema);
  if (real.enum) return real.enum.join(" | ");
  if (real.const !== undefined) return String(real.const);
  if (real.type === "array") return `list of ${type(real.items)}`;
  const { minimum, maximum } = real;
  return `${real.type ?? "any"}${minimum !== undefined && maximum !== undefined ? ` ${minimum} to ${maximum}` : ""}`;
}

function resolve(schema) {
  return schema?.$ref ? described.components.schemas[schema.$ref.split("/").pop()] : schema;
}

/** Text in which `backticks` mark code. */
function prose(text = "") {
  return text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
}
