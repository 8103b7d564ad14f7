// Draws the HTTP interface from /openapi.json, with a command to try for each address.

import { ask } from "../shell/service.js";
import "../shell/shell.js";

const $ = (id) => document.getElementById(id);
const document_ = await (await ask("/openapi.json")).json();

$("about").append(`Version ${document_.info.version}. `, ...prose(document_.info.description));

const groups = new Map();
for (const [path, operations] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const tag = operation.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push({ path, method: method.toUpperCase(), ...operation });
  }
}
for (const [tag, operations] of groups) {
  $("contents").append(make("h2", {}, tag), ...operations.map(link));
  $("operations").append(...operations.map(section));
}
if (location.hash) document.querySelector(CSS.escape(location.hash).replace("\\#", "#"))?.scrollIntoView();

function link({ operationId, summary }) {
  return make("a", { href: `#${operationId}` }, summary);
}

function section(operation) {
  const { operationId, summary, description, method, path } = operation;
  return make(
    "section", { className: "operation", id: operationId },
    make("h2", {}, summary),
    make("p", { className: "address" }, make("span", { className: "method" }, method), make("span", {}, path)),
    make("p", {}, ...prose(description)),
    ...described("Parameters", parameters(operation)),
    ...described("Body", body(operation)),
    ...described("Answers", Object.entries(operation.responses).map(([status, it]) => [status, it.description])),
    make("h3", {}, "Try it"),
    make("pre", { tabIndex: 0 }, make("code", {}, command(operation))),
  );
}

function described(title, rows) {
  if (!rows.length) return [];
  const list = make("dl");
  for (const [name, text] of rows) list.append(make("dt", {}, name), make("dd", {}, ...prose(text)));
  return [make("h3", {}, title), list];
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
  return schema?.$ref ? document_.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function command({ method, path, requestBody, parameters: found = [] }) {
  const filled = path.replace(/\{(\w+)(:\w+)?\}/g, (_, name) => {
    const one = found.find((parameter) => parameter.name === name);
    return one?.schema?.examples?.[0] ?? one?.example ?? name;
  });
  const address = location.origin + filled;
  const kinds = Object.keys(requestBody?.content ?? {});
  if (kinds.includes("multipart/form-data")) return `curl ${address} -F image=@picture.png`;
  if (kinds.includes("application/json")) {
    const properties = resolve(requestBody.content["application/json"].schema)?.properties ?? {};
    const needed = Object.entries(properties).filter(([, field]) => field.examples || resolve(field)?.examples);
    const example = Object.fromEntries(needed.slice(0, 2).map(([name, field]) => [name, (field.examples ?? resolve(field).examples)[0]]));
    return `curl ${address} -H 'Content-Type: application/json' -d '${JSON.stringify(example)}'`;
  }
  return method === "GET" ? `curl ${/\.png$/.test(filled) ? "-O " : ""}${address}` : `curl -X ${method} ${address}`;
}

/** Text in which `backticks` mark code. */
function prose(text = "") {
  return text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));
}

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
