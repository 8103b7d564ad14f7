// Figures as texts.

const WORDS = { nll: "log loss", ece: "calibration error", frechet: "Fréchet distance", kernel: "kernel distance", count: "pictures" };
const UNITS = [{ unit: "M", from: 1e6, size: 1e6 }, { unit: "k", from: 1e4, size: 1e3 }];

/** A figure's name in words. */
export function words(name) {
  return name.split("_").map((word) => WORDS[word] ?? word).join(" ");
}

/** A figure with four digits that count. */
export function exact(value) {
  return value === 0 ? "0" : Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6 ? value.toExponential(2) : `${Number(value.toPrecision(4))}`;
}

/** A figure for an axis, as short as it can be, in the unit that `most`, the axis's largest figure, has. */
export function short(value, most = value) {
  const { unit, size } = UNITS.find(({ from }) => Math.abs(most) >= from) ?? {};
  if (value && unit) return `${Number((value / size).toPrecision(3))} ${unit}`;
  if (Math.abs(value) >= 1e3) return value.toLocaleString("en");
  return value && Math.abs(value) < 1e-3 ? value.toExponential(0) : `${Number(value.toPrecision(3))}`;
}
