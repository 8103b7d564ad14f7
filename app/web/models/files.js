// Files of the service, saved to disk. A link would not do, because it cannot carry a key.

import { h } from "../shell/element.js";
import { ask } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";

/** Fetch a file and let the browser save it; under its own name where the service tells one. */
export async function save(address, name) {
  notice("Fetching the file …");
  try {
    const answer = await ask(address);
    const told = answer.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1];
    const url = URL.createObjectURL(await answer.blob());
    h("a", { href: url, download: told ?? name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may take its time to read it
    quiet();
  } catch (problem) {
    complain(problem);
  }
}
