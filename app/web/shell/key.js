// The key of this tab. It lives in the session storage, which ends with the tab, and never in an address.

const PLACE = "likeness-key";

let wait = null; // for the answer of whoever is asked for a key
let declined = false;

/** The key, or an empty text. */
export function key() {
  return sessionStorage.getItem(PLACE) ?? "";
}

/** Use `text` from now on. Returns whether something waits for a key, and goes on with it. */
export function use(text) {
  const wanted = Boolean(wait);
  sessionStorage.setItem(PLACE, text);
  declined = false;
  settle(true);
  return wanted;
}

/** Use no key any more. */
export function forget() {
  sessionStorage.removeItem(PLACE);
  settle(false);
}

/** Go without a key: what waits for one fails, and nobody is asked again unasked. */
export function decline() {
  declined = true;
  settle(false);
}

/** Ask for a key, once however many requests want one. Resolves to whether there is one now. */
export function wanted() {
  if (declined) return Promise.resolve(false);
  if (!wait) {
    wait = Promise.withResolvers();
    document.dispatchEvent(new Event("likeness-key-wanted"));
  }
  return wait.promise;
}

function settle(answer) {
  wait?.resolve(answer);
  wait = null;
  document.dispatchEvent(new Event("likeness-key-changed"));
}
