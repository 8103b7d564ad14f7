// The page /jobs.

import "./shell.js";
