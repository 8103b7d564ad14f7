// Figures and states in words, the same on every page about jobs and models.

import { h } from "../shell/element.js";

/** States that a job stays in. */
export const ENDED = ["succeeded", "failed", "cancelled"];

const TONES = {
  succeeded: "good", delivered: "good", ready: "good", running: "busy", pausing: "busy", cancelling: "busy", checking: "busy", starting: "busy",
  failed: "bad", busy: "busy",
};
const STEPS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** A state as a badge. */
export function badge(state) {
  return h("span", { class: "badge", "data-tone": TONES[state] ?? "" }, state);
}

/** A whole number with separators. */
export function count(number) {
  return number.toLocaleString("en");
}

/** Seconds in the two units that matter. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long ago, as an element that tells the exact moment, too. */
export function ago(moment) {
  const then = new Date(moment);
  const passed = (then - Date.now()) / 1000;
  const [unit, length] = STEPS.find(([, seconds]) => -passed >= seconds) ?? ["second", 1];
  const text = -passed < 45 ? "just now" : RELATIVE.format(Math.round(passed / length), unit);
  return h("time", { datetime: moment, title: then.toLocaleString("en") }, text);
}

/** Bytes in the unit that fits. */
export function bytes(number) {
  const unit = number >= 1e9 ? ["GB", 1e9] : number >= 1e6 ? ["MB", 1e6] : number >= 1e3 ? ["kB", 1e3] : ["bytes", 1];
  return `${Number((number / unit[1]).toPrecision(3))} ${unit[0]}`;
}

/** The beginning of a version's name, enough to tell it from others: `sha256:` is left out. */
export function brief(version) {
  return version.slice(version.indexOf(":") + 1).slice(0, 12);
}
