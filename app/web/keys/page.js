// The page /keys: every key of the service, for administrators.

import { byId } from "../shell/element.js";
import { key } from "../shell/key.js";
import { KeyCard } from "./card.js";
import { makeKey } from "./form.js";
import { askJson } from "../shell/service.js";
import { complain } from "../shell/shell.js";

const STEP = 30;
let last = null;

byId("make").addEventListener("click", () => make().catch(complain));
byId("more").addEventListener("click", () => more().catch(complain));
byId("ended").addEventListener("change", tellCount);
byId("keys").addEventListener("changed", tellCount);

more().catch(complain);

async function more() {
  const page = new URLSearchParams({ limit: STEP, ...(last && { after: last }) });
  const { data, has_more, last_id } = await askJson(`/v1/keys?${page}`);
  last = last_id;
  byId("keys").append(...data.map((one) => new KeyCard(one)));
  byId("more").hidden = !has_more;
  byId("open").hidden = Boolean(key());
  tellCount();
}

async function make() {
  const cards = [...byId("keys").children];
  const made = await makeKey(cards.map(({ shown }) => shown).filter(({ status }) => status === "active"));
  if (made) byId("keys").prepend(new KeyCard(made));
  tellCount();
}

function tellCount() {
  const all = byId("ended").checked;
  const keys = [...byId("keys").children];
  byId("keys").classList.toggle("all", all);
  byId("ended").parentElement.hidden = keys.every(({ shown }) => shown.status === "active");
  byId("none").hidden = keys.some(({ shown }) => all || shown.status === "active");
  byId("none").textContent = keys.length ? "Every key has ended." : "There is no key yet.";
}
