// Figures as texts.

const WORDS = { nll: "log loss", ece: "calibration error", frechet: "Fréchet distance", kernel: "kernel distance", count: "pictures" };

/** A figure's name in words. */
export function words(name) {
  return name.split("_").map((word) => WORDS[word] ?? word).join(" ");
}

/** A figure with four digits that count. */
export function exact(value) {
  return value === 0 ? "0" : Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6 ? value.toExponential(2) : `${Number(value.toPrecision(4))}`;
}

/** A figure for an axis, as short as it can be. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  if (size >= 1e3) return value.toLocaleString("en");
  return size && size < 1e-3 ? value.toExponential(0) : `${Number(value.toPrecision(3))}`;
}
