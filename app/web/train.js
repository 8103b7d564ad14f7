// The page /train.

import "./shell.js";
