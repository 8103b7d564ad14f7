// The upload of a data set, with how far it is. Of the browser's ways to send, only this one tells that.

import { key, wanted } from "../shell/key.js";
import { Problem, authorization } from "../shell/service.js";

/**
 * Send files as a data set called `name`. Resolves to the data set, rejects with a Problem, or with the AbortError of the
 * signal. `told` gets the share.
 *
 * A service that wants a key waits until somebody has signed in.
 */
export async function upload(files, name, { signal, told }) {
  const form = new FormData();
  form.append("name", name);
  for (const file of files) form.append("file", file, file.name);
  for (;;) {
    signal.throwIfAborted();
    const sent = key();
    try {
      return await send(form, { signal, told });
    } catch (problem) {
      if (problem.status !== 401 || (key() === sent && !(await wanted()))) throw problem;
    }
  }
}

function send(form, { signal, told }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.open("POST", "/v1/datasets");
    for (const [header, value] of Object.entries(authorization())) request.setRequestHeader(header, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => told(loaded / total));
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status === 201) resolve(response);
      else reject(new Problem({ ...response, status }));
    });
    request.addEventListener("error", () => {
      reject(new Problem({ status: 0, code: "unreachable", detail: "The upload broke off; the service does not answer." }));
    });
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
