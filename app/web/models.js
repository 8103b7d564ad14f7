// The page /models.

import "./shell.js";
