// A view as something to paste: an address, a tag, a command, a program.

import { options, picture } from "./view.js";

const OPENAI_FORMATS = { webp: "webp", png: "png", jpg: "jpeg", avif: "png" };

/**
 * What to paste for a view, by name.
 *
 * `origin` is where the service is, and `page` the address of the view's page. A service that wants a key gets one from
 * the environment (`keyed`), and in a page, which others read, `signed` instead: the address with a signature.
 */
export function snippets(view, { origin, page, keyed, signed }) {
  const plain = origin + picture(view);
  const shown = signed || plain;
  return {
    link: page,
    image: `<img src="${attribute(shown)}" width="${view.size}" height="${view.size}" alt="">`,
    tag: `<script type="module" src="${origin}/embed.js"></script>\n${tag(view, signed || (view.to && plain))}`,
    curl: ["curl", keyed && '-H "Authorization: Bearer $LIKENESS_KEY"', `'${plain.replaceAll("'", "%27")}'`,
      `-o face.${view.format}`].filter(Boolean).join(" "),
    python: keyed ? pythonWithKey(view, plain) : python(view, plain),
    openai: openai(view, { origin, keyed }),
  };
}

function tag(view, address) {
  if (address) return `<likeness-face src="${attribute(address)}" size="${view.size}"></likeness-face>`;
  const given = { seed: view.seed, mix: view.mix, ...options(view), size: view.size };
  const attributes = Object.entries(given).filter(([, value]) => value !== undefined && value !== "");
  return `<likeness-face ${attributes.map(([name, value]) => `${name}="${attribute(value)}"`).join(" ")}></likeness-face>`;
}

function python(view, address) {
  return `from urllib.request import urlretrieve

urlretrieve(${JSON.stringify(address)}, "face.${view.format}")`;
}

function pythonWithKey(view, address) {
  return `import os
from urllib.request import Request, urlopen

key = os.environ["LIKENESS_KEY"]
request = Request(${JSON.stringify(address)}, headers={"Authorization": f"Bearer {key}"})
with urlopen(request) as face, open("face.${view.format}", "wb") as file:
    file.write(face.read())`;
}

function openai(view, { origin, keyed }) {
  if (view.mix || view.to || view.label) return "# Their interface knows no second seed, no walk and no class beside the prompt.";
  const format = OPENAI_FORMATS[view.format];
  const beside = {};
  if (view.truncation !== undefined) beside.truncation = view.truncation;
  if (Object.keys(view.edits).length) beside.edits = view.edits;
  const extra = Object.keys(beside).length ? `, extra_body=${JSON.stringify(beside)}` : "";
  const named = view.model ? `, model=${JSON.stringify(view.model)}` : "";
  const secret = keyed ? 'os.environ["LIKENESS_KEY"]' : '"none"';
  return `${keyed ? "import os\n" : ""}from base64 import b64decode

from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${secret})
answer = client.images.generate(
    prompt=${JSON.stringify(view.seed)}${named}, size="${view.size}x${view.size}",
    output_format="${format}", response_format="b64_json"${extra},
)
with open("face.${format}", "wb") as file:
    file.write(b64decode(answer.data[0].b64_json))`;
}

function attribute(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
