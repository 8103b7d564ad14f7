// What was found when the pictures of a data set were looked through.

import { h } from "../shell/element.js";
import { count } from "../jobs/words.js";

/** The report of a data set that is ready. */
export function report({ images, classes, report: found }) {
  const [width, height] = found.sizes.median ?? [0, 0];
  return h(
    "div", { class: "stack" },
    found.warnings.length ? h("ul", { class: "warnings" }, found.warnings.map((text) => h("li", {}, text))) : null,
    h(
      "dl", { class: "facts" },
      fact("pictures", `${count(images)}: ${count(found.train)} to train on, ${count(found.test)} to test with (${found.split})`),
      fact("size", `${width} × ${height} pixels, ${found.grey ? "grey" : "in colour"}${range(found.sizes)}`),
      found.duplicates ? fact("twice", `${count(found.duplicates)} files came twice; one of each is kept`) : null,
      found.too_small ? fact("too small", `${count(found.too_small)} under 8 pixels are left out`) : null,
    ),
    Object.keys(classes).length ? bars(classes) : h("p", { class: "soft small" }, "No classes: pictures for a generator."),
    found.unreadable_count ? unreadable(found) : null,
  );
}

function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

function range({ smallest, largest }) {
  if (!smallest || String(smallest) === String(largest)) return "";
  return ` (from ${smallest.join(" × ")} to ${largest.join(" × ")})`;
}

function bars(classes) {
  const most = Math.max(...Object.values(classes));
  return h(
    "ul", { class: "class-bars", "aria-label": "Pictures in each class", tabindex: 0 },
    Object.entries(classes).map(([name, number]) => h(
      "li", {}, h("span", { class: "name" }, name), h("meter", { min: 0, max: most, value: number, "aria-hidden": "true" }),
      h("span", { class: "numbers soft" }, count(number)),
    )),
  );
}

function unreadable({ unreadable: files, unreadable_count: number }) {
  return h(
    "details", {}, h("summary", {}, `${count(number)} ${number === 1 ? "file is" : "files are"} left out`),
    h("ul", { class: "small files" }, files.map(({ name, reason }) => h("li", {}, h("code", {}, name), ` ${reason}`))),
  );
}
