// Prints what a first visit to the dashboard loads, and fails where it is more than allowed, where GraphiQL is part of it, or
// where a script of it lacks the remark that has it compiled at once (firstLoad.ts).
// Reads Vite's manifest and the built page; runs after every build.

import { readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_MAX = 200 * 1024;

const dist = resolve(import.meta.dirname, "../dist");
const folder = join(dist, ".vite");
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
// The server embeds all that lies in dist, and this is of no use there.
rmSync(folder, { recursive: true });

/** The files that an entry needs before it shows anything: what it imports, at any depth, but not what it loads later. */
function filesOf(entry, seen = new Set()) {
  const chunk = manifest[entry];
  if (!seen.has(entry)) {
    seen.add(entry);
    for (const one of chunk.imports ?? []) {
      filesOf(one, seen);
    }
  }
  return new Set([...seen].flatMap((one) => [manifest[one].file, ...(manifest[one].css ?? [])]));
}

const size = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

// The first script loads the rest of it.
const first = [...new Set(["index.html", ...filesOf("index.html"), ...filesOf("src/main.tsx")])];
const total = first.reduce((sum, file) => sum + size(file), 0);
const graphiql = [...filesOf("graphiql.html")].filter((file) => !first.includes(file));
const alone = graphiql.reduce((sum, file) => sum + size(file), 0);
console.log(
  `first load of the dashboard: ${kib(total)} gzip in ${first.length} files, at most ${kib(FIRST_LOAD_MAX)}`,
);
console.log(`GraphiQL, by its own page only: ${kib(alone)} gzip`);
const strangers = first.filter((file) => /graphiql|monaco/i.test(file));
if (strangers.length > 0) {
  console.error(`the dashboard loads ${strangers.join(", ")} at once`);
}
if (total > FIRST_LOAD_MAX) {
  for (const file of first) {
    console.error(`  ${kib(size(file)).padStart(10)}  ${file}`);
  }
  console.error("the first load is over its budget: load what is not needed at once by a page of its own");
}
const late = first.filter(
  (file) =>
    file.endsWith(".js") &&
    !readFileSync(join(dist, file), "utf8").startsWith("//# allFunctionsCalledOnLoad\n"),
);
if (late.length > 0) {
  console.error(`not compiled at once: ${late.join(", ")}`);
}
process.exit(strangers.length > 0 || total > FIRST_LOAD_MAX || late.length > 0 ? 1 : 0);
