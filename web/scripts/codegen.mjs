// Writes src/graphql/generated.ts from ../schema.graphql and every .graphql file below src/.
// It uses the generator's core and plugins only: its command line needs a newer Node than the one pinned here.
// With --check it writes nothing and fails where the file is not what it would write.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const root = resolve(import.meta.dirname, "..");
const target = join(root, "src/graphql/generated.ts");

const read = (path) => parse(readFileSync(path, "utf8"));
const documents = readdirSync(join(root, "src"), { recursive: true })
  .filter((path) => path.endsWith(".graphql"))
  .sort()
  .map((path) => ({ location: path, document: read(join(root, "src", path)) }));

const output = await codegen({
  filename: target,
  schema: read(join(root, "../schema.graphql")),
  documents,
  plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
  pluginMap: { typescriptOperations, typedDocumentNode },
  config: {
    // A union of strings needs no code at run time, and a value that the schema gets later still passes through.
    enumsAsTypes: true,
    useTypeImports: true,
    skipTypename: true,
    dedupeFragments: true,
    defaultScalarType: "unknown",
    scalars: { DateTime: "string", JSON: "unknown", Cursor: "string", Long: "number" },
  },
});

const text = `// Generated from the schema and the documents by \`npm run codegen\`. Never edited.\n${output}`;
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error(
      `${relative(root, target)} is not what the schema and the documents say: run \`npm run codegen\``,
    );
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
