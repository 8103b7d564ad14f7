// A model card on the page: the Markdown that cards are written in, as elements. Text stays text, whatever it says.

import { h } from "../shell/element.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g;
const COMMENT = /^<!--.*?-->$/gms;

/** The card as elements. Its first heading, the model's name, is left out. */
export function card(markdown) {
  const seen = markdown.replaceAll("\r\n", "\n").replaceAll(COMMENT, "");
  const blocks = seen.trim().split(/\n(?:[ \t]*\n)+(?![ \t])/);
  return fenced(blocks).map(block).filter(Boolean);
}

// A fence may hold empty lines, at which it was cut.
function fenced(blocks) {
  const whole = [];
  for (const text of blocks) {
    const open = whole.length && whole.at(-1).startsWith("```") && !/\n```\s*$/.test(whole.at(-1));
    if (open) whole.push(`${whole.pop()}\n\n${text}`);
    else whole.push(text);
  }
  return whole;
}

function block(text, at) {
  const lines = text.split("\n");
  const heading = lines[0].match(/^(#{1,6}) (.*)/);
  if (heading) {
    const rest = lines.slice(1).join("\n").trim();
    const title = heading[1].length === 1 && at === 0 ? null : h(heading[1].length > 2 ? "h4" : "h3", {}, inline(heading[2]));
    return rest ? h("div", { class: "stack" }, title, block(rest, at + 1)) : title;
  }
  if (lines[0].startsWith("```")) return h("pre", { tabindex: 0 }, h("code", {}, text.replace(/^```.*\n/, "").replace(/\n```\s*$/, "")));
  if (lines.length > 1 && lines.every((line) => line.trim().startsWith("|"))) return table(lines);
  if (/^[-*] /.test(lines[0])) return h("ul", {}, items(text, /\n(?=[-*] )/).map((item) => h("li", {}, inline(item.slice(2)))));
  if (/^\d+\. /.test(lines[0])) return h("ol", {}, items(text, /\n(?=\d+\. )/).map((item) => h("li", {}, inline(item.replace(/^\d+\. /, "")))));
  return h("p", {}, inline(text));
}

function items(text, border) {
  return text.split(border);
}

function table(lines) {
  const [head, , ...rows] = lines.map((line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim()));
  const named = head.some(Boolean);
  const cell = (name, text, attributes = {}) => h(text ? name : "td", text ? attributes : {}, inline(text));
  return h(
    "div", { class: "scroll", tabindex: 0, role: "group", "aria-label": named ? head.filter(Boolean).join(", ") : "Facts" },
    h(
      "table", {}, named ? h("thead", {}, h("tr", {}, head.map((text) => cell("th", text, { scope: "col" })))) : null,
      h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, cell("th", first, { scope: "row" }), rest.map((text) => cell("td", text))))),
    ),
  );
}

// Code, strong words and links; line ends are spaces.
function inline(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, strong, words, address] = found;
    parts.push(text.slice(end, found.index));
    if (code) parts.push(h("code", {}, code));
    else if (strong) parts.push(h("strong", {}, strong));
    else parts.push(h("a", { href: address, rel: "noopener noreferrer" }, words));
    end = found.index + whole.length;
  }
  return [...parts, text.slice(end)].map((part) => (typeof part === "string" ? part.replaceAll("\n", " ") : part));
}
