// <likeness-face>: a face by its seed, in any page or framework.
//
//   <script type="module" src="https://likeness.example/embed.js"></script>
//   <likeness-face seed="ada" size="96" alt="Ada">AL</likeness-face>
//
// What stands between the tags shows until the face is there, and stays if it cannot be had.
// Import `embed.js?define=no` to get the class alone and register it under a name of your own.

const HERE = new URL(import.meta.url);
const OPTIONS = ["truncation", "model", "label", "edits", "mix", "radius", "background", "rotate", "scale", "fallback"];
const SWITCHES = ["grey", "flip", "credentials"];
const ATTRIBUTES = ["seed", "size", "format", "alt", "src", "base", ...OPTIONS, ...SWITCHES];
const LARGEST = 1024; // pixels that the service draws at most, and at least
const SMALLEST = 16;
const RETRY_SECONDS = [2, 8, 30]; // a service that is starting or busy is asked again, and then left alone

// Constructed sheets, unlike a <style> element, are allowed under any Content-Security-Policy of the page.
const LOOK = new CSSStyleSheet();
LOOK.replaceSync(`
  :host { display: inline-block; position: relative; vertical-align: middle; overflow: hidden; }
  :host([hidden]) { display: none; }
  img { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; object-fit: cover; opacity: 0; }
  slot { display: grid; place-items: center; block-size: 100%; }
  :host(:state(loaded)) img { opacity: 1; }
  :host(:state(loaded)) slot { visibility: hidden; }
  @media (prefers-reduced-motion: no-preference) { img { transition: opacity .15s; } }
`);

export class LikenessFace extends HTMLElement {
  static observedAttributes = ATTRIBUTES;

  #image = document.createElement("img");
  #space = new CSSStyleSheet();
  #states = this.attachInternals().states;
  #scheduled = false;
  #tries = 0;
  #timer = 0;

  constructor() {
    super();
    this.#image.part = "image";
    this.#image.loading = "lazy";
    this.#image.decoding = "async";
    this.#image.addEventListener("load", () => this.#loaded());
    this.#image.addEventListener("error", () => this.#failed());
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [LOOK, this.#space];
    root.append(document.createElement("slot"), this.#image);
  }

  connectedCallback() {
    this.#schedule();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  attributeChangedCallback(_name, before, now) {
    if (before !== now) this.#schedule();
  }

  /** The address of the face at `pixels` pixels a side. */
  address(pixels = this.size) {
    if (this.src) return this.src;
    const path = `/v1/faces/${encodeURIComponent(this.seed)}.${this.format || "webp"}`;
    const address = new URL(path, this.base || HERE.origin);
    address.searchParams.set("size", Math.min(LARGEST, Math.max(SMALLEST, Math.round(pixels))));
    for (const name of [...OPTIONS, ...SWITCHES]) if (this[name]) address.searchParams.set(name, this[name]);
    return address.href;
  }

  // Attributes that change together, as a framework sets them, ask for one picture and not for one each.
  #schedule() {
    if (this.#scheduled || !this.isConnected) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      clearTimeout(this.#timer);
      this.#tries = 0;
      this.#show();
    });
  }

  #show() {
    this.#space.replaceSync(`:host { inline-size: ${this.size}px; block-size: ${this.size}px; }`);
    this.#image.alt = this.getAttribute("alt") ?? "AI-generated face";
    if (!this.src && !this.seed) return this.#clear();
    const [once, twice] = [this.address(), this.address(2 * this.size)];
    if (once === twice) this.#image.removeAttribute("srcset");
    else this.#image.srcset = `${once} 1x, ${twice} 2x`;
    this.#image.src = once;
  }

  #clear() {
    for (const name of ["src", "srcset"]) this.#image.removeAttribute(name);
    this.#states.delete("loaded");
  }

  #loaded() {
    this.#states.add("loaded");
    this.dispatchEvent(new Event("load"));
  }

  #failed() {
    this.#states.delete("loaded");
    const wait = RETRY_SECONDS[this.#tries++];
    if (wait) this.#timer = setTimeout(() => this.#show(), 1000 * wait);
    else this.dispatchEvent(new Event("error"));
  }
}

for (const name of ATTRIBUTES) {
  Object.defineProperty(LikenessFace.prototype, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = this.getAttribute(name);
      if (name === "size") return Number(value) || 96;
      return value === "" && SWITCHES.includes(name) ? "true" : (value ?? "");
    },
    set(value) {
      if (value === null || value === undefined || value === false) return this.removeAttribute(name);
      const parts = typeof value === "object" ? Object.entries(value).map((pair) => pair.join(":")) : [value];
      this.setAttribute(name, parts.join(","));
    },
  });
}

/** Let `name` stand for the element. Doing it twice, as two copies of this script would, changes nothing. */
export function define(name = "likeness-face", registry = customElements) {
  if (!registry.get(name)) registry.define(name, LikenessFace);
}

if (HERE.searchParams.get("define") !== "no") define();
