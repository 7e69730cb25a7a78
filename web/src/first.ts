// The page's first script: asks for the rows that will be shown, and loads all else of the dashboard beside that.

import { askEarly } from "./features/jobs/early";

const { pathname, search } = window.location;
if (pathname === "/") {
  askEarly(search);
}
void import("./main");
