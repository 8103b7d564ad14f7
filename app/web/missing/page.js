// What is shown at an address that no page has.

import "../shell/shell.js";
