// What every page begins with: ways to sign in and to change the theme, a line for messages, and patience while the service
// starts.

import "./sign-in.js";
import "./theme-switch.js";
import { byId } from "./element.js";

/** Show one line to everybody, until the next one or `quiet()`. `tone` is "plain" or "bad". */
export function notice(text, { tone = "plain" } = {}) {
  const line = byId("notice");
  line.dataset.tone = tone;
  line.textContent = text;
  line.hidden = false;
}

/** Show no message. */
export function quiet() {
  byId("notice").hidden = true;
}

/** Show what went wrong; a request that was taken back is no news. */
export function complain(problem) {
  if (problem.name === "AbortError") return;
  if (problem.name !== "Problem") throw problem;
  notice(problem.message, { tone: "bad" });
}

/** Wait until the service can work, and say what it waits for. */
export async function ready() {
  let waited = false;
  for (;;) {
    const answer = await fetch("/readyz").catch(() => null);
    // Read in any case: an answer that nobody reads keeps its connection.
    const { parts = {} } = (await answer?.json().catch(() => null)) ?? {};
    if (answer?.ok) break;
    const missing = Object.keys(parts).filter((name) => !parts[name].ok);
    waited = true;
    notice(missing.length ? `The service is starting; it waits for: ${missing.join(", ")}.` : "The service does not answer.");
    await new Promise((wake) => setTimeout(wake, 1000));
  }
  // Whatever else is told by now stays.
  if (waited) quiet();
}
