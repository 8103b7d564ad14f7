// The page /models: all models, or with ?model=… one of them with its versions.

import { byId } from "../shell/element.js";
import { askJson } from "../shell/service.js";
import { complain, ready } from "../shell/shell.js";
import { buildImport } from "./import.js";
import { buildList } from "./list.js";
import { showModel } from "./detail.js";

const name = new URLSearchParams(location.search).get("model");

await ready();
await (name ? showModel(name) : list()).catch(complain);

async function list() {
  const { data } = await askJson("/v1/models");
  byId("main").append(buildList(data), buildImport());
}
