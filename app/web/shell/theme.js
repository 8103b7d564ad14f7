// The theme: the system's, unless somebody has chosen the other one by hand. Pages load this before their first paint, so it
// imports nothing.

const PLACE = "likeness-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** Whether pages are dark now. */
export function isDark() {
  const chosen = localStorage.getItem(PLACE);
  return chosen ? chosen === "dark" : system.matches;
}

/** Make all pages dark, or light. What the system wants anyway is no choice, and follows the system from then on. */
export function choose(dark) {
  if (dark === system.matches) localStorage.removeItem(PLACE);
  else localStorage.setItem(PLACE, dark ? "dark" : "light");
  show();
}

function show() {
  const chosen = localStorage.getItem(PLACE);
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  // The browser's own bar has a colour for each theme, too.
  for (const [at, name] of ["light", "dark"].entries()) {
    const colour = document.querySelectorAll('meta[name="theme-color"]')[at];
    colour.media = chosen ? (chosen === name ? "all" : "not all") : `(prefers-color-scheme: ${name})`;
  }
  document.dispatchEvent(new Event("likeness-theme-changed"));
}

addEventListener("storage", show); // somebody chose in another tab
system.addEventListener("change", show);
show();
