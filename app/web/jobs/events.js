// The events of a job as they come: server-sent events read with fetch, because EventSource cannot send a key.

import { ask } from "../shell/service.js";

const LONGEST_PAUSE_SECONDS = 8;

/**
 * Every event after number `after`, until the job has ended: `{ id, type, data }`, in order, none twice.
 *
 * A connection that breaks is made again from the last event that came; `connected` is told of each change.
 * Ends when the signal aborts. Throws a Problem when the service refuses.
 */
export async function* follow(address, { after = 0, signal, connected = () => {} }) {
  let last = after;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const headers = { Accept: "text/event-stream", "Last-Event-ID": String(last) };
      const answer = await ask(address, { headers, signal });
      connected(true);
      if (answer.status === 204) return; // it has ended, and nothing more comes
      for await (const event of events(answer.body)) {
        failures = 0;
        last = event.id;
        yield event;
      }
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status >= 400 && problem.status < 500) throw problem;
      connected(false);
    }
    await pause(Math.min(2 ** failures / 2, LONGEST_PAUSE_SECONDS), signal);
    failures += 1;
  }
}

async function* events(body) {
  let text = "";
  for await (const piece of pieces(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.has("id")) yield { id: Number(fields.get("id")), type: fields.get("event"), data: JSON.parse(fields.get("data")) };
    }
  }
}

// Not every browser can iterate over a stream.
async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

function pause(seconds, signal) {
  return new Promise((wake) => {
    const timer = setTimeout(wake, 1000 * seconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); wake(); }, { once: true });
  });
}
