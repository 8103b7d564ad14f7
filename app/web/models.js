// The page /models: all models, or with ?model=… one of them with its versions.

import { byId } from "./element.js";
import { askJson } from "./service.js";
import { complain, ready } from "./shell.js";
import { buildImport } from "./models-import.js";
import { buildList } from "./models-list.js";
import { showModel } from "./models-detail.js";

const name = new URLSearchParams(location.search).get("model");

await ready();
await (name ? showModel(name) : list()).catch(complain);

async function list() {
  const { data } = await askJson("/v1/models");
  byId("main").append(buildList(data), buildImport());
}
