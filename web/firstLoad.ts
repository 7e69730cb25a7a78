// How the build has a first visit to the dashboard be quick: all files that it needs are asked for at once, and compiled
// while they come.

import type { HtmlTagDescriptor, Plugin, Rolldown } from "vite";

const FIRST = "/src/first.ts";
const MAIN = "/src/main.tsx";
const GRAPHIQL = "/src/graphiql/main.tsx";

/** Modules that the dashboard needs before it is drawn, but neither its first script nor GraphiQL. */
const own = new Set<string>();

const graph: Plugin = {
  name: "graph",
  buildEnd() {
    const ids = [...this.getModuleIds()];
    const needs = (script: string) => {
      const all = new Set<string>();
      const visit = (id: string) => {
        if (!all.has(id)) {
          all.add(id);
          this.getModuleInfo(id)?.importedIds.forEach(visit);
        }
      };
      ids.filter((id) => id.endsWith(script)).forEach(visit);
      return all;
    };
    own.clear();
    const others = [needs(FIRST), needs(GRAPHIQL)];
    for (const id of needs(MAIN)) {
      if (!others.some((one) => one.has(id))) {
        own.add(id);
      }
    }
  },
};

/** Each page has documents of its own. */
const isOurs = (id: string) => !/\/node_modules\/|\/generated\.ts$/.test(id) && !id.endsWith(MAIN);

/**
 * What the dashboard needs at once is few files, though pages that come later need parts of it, too: each file costs a
 * reader a millisecond or two.
 */
export const fewFiles: Rolldown.CodeSplittingOptions = {
  groups: [
    { name: "base", test: (id) => own.has(id) && isOurs(id) },
    { name: "router", test: (id) => own.has(id) && id.includes("/node_modules/@tanstack/") },
  ],
  // What they need may be needed by the others as well.
  includeDependenciesRecursively: false,
};

type Bundle = Rolldown.OutputBundle;

/** The file that has this module for its entry, and all that it needs; `isWhole`: also what it may load later. */
function filesOf(bundle: Bundle, module: string, isWhole: boolean): Rolldown.OutputChunk[] {
  const found = new Set<Rolldown.OutputChunk>();
  const visit = (file: string) => {
    const chunk = bundle[file];
    if (chunk?.type === "chunk" && !found.has(chunk)) {
      found.add(chunk);
      [...chunk.imports, ...(isWhole ? chunk.dynamicImports : [])].forEach(visit);
    }
  };
  for (const chunk of Object.values(bundle)) {
    if (chunk.type === "chunk" && chunk.facadeModuleId?.endsWith(module)) {
      visit(chunk.fileName);
    }
  }
  return [...found];
}

/**
 * Most of what the dashboard's scripts define is called while the first page is drawn. With this remark a browser that
 * knows it compiles them while they come, beside the page, instead of one by one while the reader waits. No other browser
 * minds. GraphiQL is thirty times as large, and calls little of it.
 */
const compiledAtOnce: Plugin = {
  name: "compiled-at-once",
  enforce: "post",
  generateBundle: {
    // It has to be the first line: after the build itself has put in its own.
    order: "post",
    handler(_, bundle) {
      for (const chunk of filesOf(bundle, "/index.html", true)) {
        chunk.code = `//# allFunctionsCalledOnLoad\n${chunk.code}`;
      }
    },
  },
};

/** The first script loads the others: the page names them, so that they come beside it and not after it. */
const namesAll: Plugin = {
  name: "names-all",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle, filename }) {
      if (bundle === undefined || !filename.endsWith("/index.html")) {
        return [];
      }
      const chunks = filesOf(bundle, MAIN, false);
      const styles = new Set(chunks.flatMap(({ viteMetadata }) => [...(viteMetadata?.importedCss ?? [])]));
      const isNew = (file: string) => !html.includes(file);
      return [
        ...chunks
          .map(({ fileName }) => fileName)
          .filter(isNew)
          .map((file) => link("modulepreload", file)),
        ...[...styles].filter(isNew).map((file) => link("stylesheet", file)),
      ];
    },
  },
};

function link(rel: string, file: string): HtmlTagDescriptor {
  return { tag: "link", attrs: { rel, crossorigin: true, href: `/${file}` }, injectTo: "head" };
}

export const quickFirstLoad: Plugin[] = [graph, compiledAtOnce, namesAll];
