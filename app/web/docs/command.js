// A command that tries an operation: with everything it needs, or, where it needs nothing, with some of what it takes.

const MOST_OPTIONAL = 2;

/** `resolve` gives the schema that a reference stands for. */
export function command({ method, path, requestBody, parameters = [] }, resolve) {
  const filled = path.replace(/\{(\w+)(:\w+)?\}/g, (_, name) => {
    const found = parameters.find((parameter) => parameter.name === name);
    return found?.schema?.examples?.[0] ?? found?.example ?? name;
  });
  const query = parameters
    .filter((parameter) => parameter.in === "query" && parameter.required && parameter.schema.examples)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(schema.examples[0])}`);
  const address = `${location.origin}${filled}${query.length ? `?${query.join("&")}` : ""}`;
  const quoted = query.length ? `'${address}'` : address;
  const content = requestBody?.content ?? {};
  const form = resolve(content["multipart/form-data"]?.schema);
  if (form) return ["curl", quoted, ...parts(form)].join(" ");
  const schema = resolve(content["application/json"]?.schema);
  if (schema) {
    const verb = method === "POST" ? [] : ["-X", method];
    return ["curl", ...verb, quoted, "-H 'Content-Type: application/json'", `-d '${JSON.stringify(example(schema, resolve))}'`].join(" ");
  }
  if (method !== "GET") return `curl -X ${method} ${quoted}`;
  return `curl ${/\.\w+$/.test(filled) ? "-O " : ""}${quoted}`;
}

function parts({ properties, required = [] }) {
  const isFile = (field) => (field.items ?? field).format === "binary";
  return required.map((name) => `-F ${name}=${isFile(properties[name]) ? `@${name === "image" ? "picture.png" : "FILE"}` : name}`);
}

function example({ properties = {}, required = [] }, resolve) {
  const shown = Object.entries(properties)
    .map(([name, field]) => [name, (field.examples ?? resolve(field)?.examples)?.[0]])
    .filter(([, value]) => value !== undefined);
  const needed = shown.filter(([name]) => required.includes(name));
  return Object.fromEntries(needed.length ? needed : shown.slice(0, MOST_OPTIONAL));
}
