// <likeness-plot>: figures over the training pictures seen, as lines; with a readout, a log scale and a table.

import { h, svg } from "../shell/element.js";
import { exact, short, words } from "./figures.js";
import { BOTTOM, HEIGHT, LEFT, RIGHT, TOP, nearest, scaled, thinned } from "./scale.js";

const MOST_ROWS = 200; // of the table; the CSV has all

export class Plot extends HTMLElement {
  #series = []; // each { name, points: [[x, y], ...] } in order of x
  #log = false;
  #scale = null;
  #drawn = 0; // the animation frame that will draw
  #canvas = svg("svg", {
    class: "canvas", role: "img", height: HEIGHT,
    onpointermove: (event) => this.#point(event), onpointerleave: () => this.#leave(),
  });
  #readout = h("p", { class: "readout", "aria-hidden": "true" });
  #legend = h("ul", { class: "legend" });
  #logButton = h(
    "button",
    { type: "button", class: "button small quiet", "aria-pressed": "false", onclick: () => this.#switch() }, "Log scale",
  );
  #table = h("details", { class: "table", ontoggle: () => this.#fill() }, h("summary", {}, "As a table"));
  #size = new ResizeObserver(() => this.#later());
  #title = h("h3", {});

  connectedCallback() {
    if (!this.firstChild) {
      this.append(
        h("div", { class: "head" }, this.#title, this.#logButton), this.#legend,
        h("div", { class: "stage" }, this.#canvas, this.#readout), this.#table,
      );
    }
    this.#size.observe(this);
  }

  disconnectedCallback() {
    this.#size.disconnect();
  }

  /** Show these lines, each `{ name, points: [[x, y], ...] }`, under a heading. */
  show(title, series) {
    this.#title.textContent = title;
    this.#series = series.filter(({ points }) => points.length);
    const names = this.#series.map(({ name }) => name).join("\n");
    if (this.#legend.dataset.names !== names) {
      this.#legend.dataset.names = names;
      this.#legend.replaceChildren(...this.#series.map(({ name }, at) => h("li", { class: `series-${at % 6}` }, words(name))));
    }
    // One line that is named as the plot is needs no legend.
    this.#legend.classList.toggle("needless", this.#series.length < 2 && words(this.#series[0]?.name ?? "") === title.toLowerCase());
    this.#logButton.hidden = !this.#series.every(({ points }) => points.every(([, y]) => y > 0));
    this.#later();
  }

  #later() {
    this.#drawn ||= requestAnimationFrame(() => {
      this.#drawn = 0;
      this.#draw();
      this.#fill();
    });
  }

  #draw() {
    const width = this.#canvas.parentElement.clientWidth;
    if (!width || !this.#series.length) return;
    const log = this.#log && !this.#logButton.hidden;
    const scale = this.#scale = scaled(this.#series, width, log);
    const { x, y, columns, rows } = scale;
    this.#canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#canvas.setAttribute("width", width);
    this.#canvas.setAttribute("aria-label", this.#spoken());
    this.#canvas.replaceChildren(
      ...rows.map((value) => svg(
        "g", { class: "row" },
        svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, log ? short(value) : short(value, furthest(rows))),
      )),
      ...columns.map((value) => svg(
        "text", { class: "column", x: x(value), y: HEIGHT - 6, "text-anchor": x(value) > width - 3 * RIGHT ? "end" : "middle" },
        short(value, furthest(columns)),
      )),
      ...this.#series.map(({ points }, at) => line(thinned(points, width), at, scale)),
      svg("g", { class: "cursor" }),
    );
  }

  // Nearest moment at which anything was measured; every line tells its last figure until then.
  #point({ offsetX }) {
    if (!this.#scale) return;
    const { x, y, at } = this.#scale;
    const wanted = at(offsetX);
    const moments = this.#series.map(({ points }) => points[nearest(points, wanted)][0]);
    const moment = moments.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
    const told = this.#series.map(({ name, points }) => ({ name, point: points[nearest(points, moment)] }));
    this.#canvas.querySelector(".cursor").replaceChildren(
      svg("line", { x1: x(moment), x2: x(moment), y1: TOP, y2: HEIGHT - BOTTOM }),
      ...told.map(({ point }, line) => svg("circle", { class: `series-${line % 6}`, cx: x(point[0]), cy: y(point[1]), r: 4 })),
    );
    this.#readout.replaceChildren(
      h("strong", {}, `${moment.toLocaleString("en")} pictures`),
      ...told.map(({ name, point }, line) => h("span", { class: `series-${line % 6}` }, `${words(name)} ${exact(point[1])}`)),
    );
    this.#readout.classList.toggle("left", x(moment) > this.#canvas.clientWidth / 2);
    this.#readout.classList.add("shown");
  }

  #leave() {
    this.#readout.classList.remove("shown");
    this.#canvas.querySelector(".cursor")?.replaceChildren();
  }

  #switch() {
    this.#log = !this.#log;
    this.#logButton.setAttribute("aria-pressed", this.#log);
    this.#later();
  }

  #spoken() {
    const told = this.#series.map(({ name, points }) => `${words(name)} ${exact(points.at(-1)[1])}`);
    return `${this.#title.textContent} after ${this.#series[0].points.at(-1)[0].toLocaleString("en")} pictures: ${told.join(", ")}`;
  }

  // Built only while it is open: a long run has thousands of figures.
  #fill() {
    if (!this.#table.open) return;
    const moments = [...new Set(this.#series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
    const step = Math.ceil(moments.length / MOST_ROWS);
    const shown = moments.filter((_, at) => (moments.length - 1 - at) % step === 0);
    const found = this.#series.map(({ points }) => new Map(points));
    const head = h("tr", {}, h("th", { scope: "col" }, "pictures"), this.#series.map(({ name }) => h("th", { scope: "col" }, words(name))));
    const body = shown.map((moment) => h(
      "tr", {}, h("th", { scope: "row" }, moment.toLocaleString("en")),
      found.map((points) => h("td", {}, points.has(moment) ? exact(points.get(moment)) : "")),
    ));
    const table = h(
      "div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${this.#title.textContent}, as a table` },
      h("table", {}, h("thead", {}, head), h("tbody", {}, body)),
    );
    this.#table.replaceChildren(this.#table.firstChild, table);
  }
}

customElements.define("likeness-plot", Plot);

function furthest(values) {
  return Math.max(...values.map(Math.abs));
}

function line(points, at, { x, y }) {
  if (points.length === 1) return svg("circle", { class: `series-${at % 6}`, cx: x(points[0][0]), cy: y(points[0][1]), r: 4 });
  const d = points.map(([px, py], step) => `${step ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
  return svg("path", { class: `line series-${at % 6}`, d });
}
