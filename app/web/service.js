// How the page talks to the service: its addresses, its problems, and its key where it asks for one.

const KEY = "likeness-key";

/** A failure as the service tells it. */
export class Problem extends Error {
  constructor({ status, code = "", detail = "" }, retryAfter = 0) {
    super(detail || `The service answers ${status}.`);
    Object.assign(this, { status, code, retryAfter });
  }
}

/** Fetch from the service; rejects with a Problem. */
export async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, detail: "The service does not answer." }, 2);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ status: answer.status }));
  const problem = new Problem(said, Number(answer.headers.get("Retry-After")));
  if (problem.status === 401) document.dispatchEvent(new Event("likeness-key-wanted"));
  throw problem;
}

/** The address of a face. Options that are undefined or empty are left out. */
export function faceAddress(seed, options = {}, extension = "webp") {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value !== undefined && value !== ""));
  const text = query.size ? `?${query}` : "";
  return `/v1/faces/${encodeURIComponent(seed)}.${extension}${text}`;
}

/** Put a picture of the service into an <img>, waiting as long as it is busy. Resolves to whether it is there. */
export async function show(image, address, { signal, patience = 8 } = {}) {
  for (let attempt = 0; attempt < patience && !signal?.aborted; attempt += 1) {
    try {
      const answer = await ask(address, { signal });
      const url = URL.createObjectURL(await answer.blob());
      image.src = url;
      await image.decode().catch(() => {});
      URL.revokeObjectURL(url);
      return true;
    } catch (problem) {
      if (!problem.retryAfter) return false;
      // A little chance keeps a wall of faces from asking again all at once.
      await new Promise((wake) => setTimeout(wake, 1000 * problem.retryAfter * (1 + Math.random())));
    }
  }
  return false;
}

/** Remember a key for this tab. */
export function useKey(text) {
  sessionStorage.setItem(KEY, text);
}
