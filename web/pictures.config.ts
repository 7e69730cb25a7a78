// The pictures of the documentation: every page, as the browser of the tests draws it.

import base from "./playwright.config";

export default { ...base, testDir: "pictures", workers: 1, expect: { timeout: 12_000 } };
