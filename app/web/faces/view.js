// What the page of faces shows, and the address that says so. Names are those of the service's own options.

export const START = {
  seed: "freya",
  mix: "", // a second seed, whose finer half of the style is taken
  to: "", // a second seed to walk to
  truncation: undefined, // undefined: the model's own
  edits: {},
  model: "", // empty: the default one
  label: "",
  size: 256, // pixels of what is downloaded and copied
  format: "webp",
  frames: 24,
  like: "", // the seed whose likes are on the wall; empty: everybody
};

export const STILLS = ["webp", "png", "jpg", "avif"];
export const MOVIES = ["webp", "gif", "mp4"];

/** The view that a query describes. What it does not know, or cannot be, is left as at the start. */
export function read(query) {
  const given = new URLSearchParams(query);
  const text = (name) => given.get(name) ?? START[name];
  const whole = (name, least, most) => {
    const value = Number(given.get(name));
    return Number.isInteger(value) && value >= least && value <= most ? value : START[name];
  };
  const view = {
    ...START,
    seed: text("seed") || START.seed,
    mix: text("mix"),
    to: text("to"),
    edits: readEdits(given.get("edits") ?? ""),
    model: text("model"),
    label: text("label"),
    size: whole("size", 16, 1024),
    frames: whole("frames", 2, 96),
    like: text("like"),
  };
  const truncation = Number(given.get("truncation") ?? NaN);
  if (truncation >= 0 && truncation <= 1) view.truncation = truncation;
  if (formats(view).includes(given.get("format"))) view.format = given.get("format");
  return view;
}

/** The query that describes a view: only what differs from the start. */
export function write(view) {
  const query = new URLSearchParams();
  for (const name of Object.keys(START)) {
    const value = name === "edits" ? writeEdits(view.edits) : view[name];
    if (value !== undefined && value !== "" && value !== START[name]) query.set(name, value);
  }
  return query.size ? `?${readable(query)}` : "";
}

/** The address, at the service, of the picture or walk that a view shows. */
export function picture(view, { size = view.size, format = view.format } = {}) {
  const first = encodeURIComponent(view.seed);
  if (!view.to) return `/v1/faces/${first}.${format}${asked({ size, mix: view.mix, ...options(view) })}`;
  const last = encodeURIComponent(view.to);
  return `/v1/faces/${first}/to/${last}.${format}${asked({ size, frames: view.frames, ...options(view) })}`;
}

/** The options that every face of a view has, as the service reads them. */
export function options({ truncation, edits, model, label }) {
  return { truncation, edits: writeEdits(edits), model, label };
}

/** The formats in which a view can be had. */
export function formats({ to }) {
  return to ? MOVIES : STILLS;
}

/** Options as a query; those that are undefined or empty are left out. */
export function asked(options) {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value !== undefined && value !== ""));
  return query.size ? `?${readable(query)}` : "";
}

function readEdits(text) {
  const pairs = text.split(",").map((edit) => {
    const colon = edit.lastIndexOf(":");
    return [edit.slice(0, colon), Number(edit.slice(colon + 1))];
  });
  return Object.fromEntries(pairs.filter(([name, amount]) => name && Math.abs(amount) > 0 && Math.abs(amount) <= 10));
}

function writeEdits(edits) {
  return Object.entries(edits).filter(([, amount]) => amount).map((edit) => edit.join(":")).join(",");
}

// A colon, a comma and an at sign mean nothing special in a query, and read better as they are.
function readable(query) {
  return query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%40", "@");
}
