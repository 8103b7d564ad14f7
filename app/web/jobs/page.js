// The page /jobs: workers, queues and jobs as they are now, or with ?job=… one job.

import { byId } from "../shell/element.js";
import { showJob } from "./one.js";
import { buildJobs } from "./table.js";
import { buildWorkers } from "./workers.js";
import { askJson } from "../shell/service.js";
import { complain, notice, quiet } from "../shell/shell.js";

const EVERY_MS = 2000;
const HELD = new URLSearchParams(["running", "pausing", "cancelling"].map((status) => ["status", status]));

const query = new URLSearchParams(location.search);

await (query.has("job") ? showJob(query.get("job")) : watch()).catch(complain);

async function watch() {
  const workers = buildWorkers();
  const jobs = buildJobs(query, look);
  byId("main").append(workers.element, jobs.element);
  for (let lost = false; ; await pause()) {
    try {
      await look();
      if (lost) quiet();
      lost = false;
    } catch (problem) {
      if (problem.status >= 400 && problem.status < 500) throw problem;
      lost = true;
      notice(`${problem.message} Trying again …`);
    }
  }

  async function look() {
    const [status, held] = await Promise.all([askJson("/v1/status"), askJson(`/v1/jobs?limit=100&${HELD}`), jobs.look()]);
    workers.show(status, held.data);
  }
}

// Nobody looks at a page in the background, so that it need not ask.
async function pause() {
  await new Promise((wake) => setTimeout(wake, EVERY_MS));
  if (document.hidden) await new Promise((wake) => document.addEventListener("visibilitychange", wake, { once: true }));
}
