// The page /keys.

import "./shell.js";
