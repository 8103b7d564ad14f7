// How the pages talk to the service: its addresses, its problems, and patience where it is busy.

import { key, wanted } from "./key.js";

/** A failure as the service tells it. */
export class Problem extends Error {
  /** `errors` are the fields that are not valid: each has `loc`, a path such as ["body", "seeds", 0], and `msg`. */
  constructor({ status, code = "", detail = "", errors = [] }, retryAfter = 0) {
    super(detail || `The service answers ${status}.`);
    Object.assign(this, { name: "Problem", status, code, errors: errors ?? [], retryAfter });
  }
}

/**
 * Fetch from the service, with the key of this tab. A service that wants a key waits until somebody has signed in.
 *
 * Takes the options of `fetch`, and `json`: what to send as the body. Rejects with a Problem, or with the AbortError of
 * the signal.
 */
export async function ask(path, { json, ...options } = {}) {
  const sent = key();
  const headers = { ...options.headers, ...authorization() };
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    options = { method: "POST", ...options, body: JSON.stringify(json) };
  }
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, code: "unreachable", detail: "The service does not answer." }, 2);
  }
  if (answer.ok) return answer;
  // Meanwhile somebody may have signed in; then the same is asked again with the key that counts now.
  if (answer.status === 401 && (key() !== sent || (await wanted()))) return ask(path, { json, ...options });
  const failure = await problem(answer);
  // The service speaks to programs here, of a header that nobody at a page sends.
  if (answer.status === 401) failure.message = "This needs a key: sign in, at the top of the page.";
  throw failure;
}

/** The same, for an answer in JSON. */
export async function askJson(path, options) {
  return (await ask(path, options)).json();
}

/** The header that carries the key, for requests that cannot go through `ask`. */
export function authorization() {
  return key() ? { Authorization: `Bearer ${key()}` } : {};
}

/** What an answer that is not good tells. */
export async function problem(answer) {
  const said = await answer.json().catch(() => ({}));
  return new Problem({ ...said, status: answer.status }, Number(answer.headers.get("Retry-After")));
}

/**
 * Put a picture of the service into an <img>, or a film into a <video>, waiting as long as it is busy.
 *
 * Resolves to whether it is there, which it is not when the signal says stop. Rejects with a Problem.
 */
export async function show(image, address, { signal, patience = 8 } = {}) {
  for (let attempt = 1; !signal?.aborted; attempt += 1) {
    try {
      const answer = await ask(address, { signal });
      const bytes = await answer.blob();
      if (signal?.aborted) return false;
      const url = URL.createObjectURL(bytes);
      image.src = url;
      if (image instanceof HTMLVideoElement) return true; // which reads on while it plays
      await image.decode().catch(() => {});
      URL.revokeObjectURL(url);
      return true;
    } catch (problem) {
      if (signal?.aborted) return false;
      if (!problem.retryAfter || attempt === patience) throw problem;
      // A little chance keeps a wall of faces from asking again all at once.
      await new Promise((wake) => setTimeout(wake, 1000 * problem.retryAfter * (1 + Math.random())));
    }
  }
  return false;
}
