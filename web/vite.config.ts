// Builds two pages from one project: the dashboard and GraphiQL. In development both reach a real server through the proxy.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { fewFiles, quickFirstLoad } from "./firstLoad.ts";

// The server that `npm run dev` and `npm run preview` pass the API's paths on to.
const server = process.env.LONGHAUL_URL ?? "http://127.0.0.1:8080";

const pages = ["index.html", "graphiql.html"]
  .map((page) => resolve(import.meta.dirname, page))
  .filter((page) => existsSync(page));

// The server refuses requests that another page sent, by Host and Origin; to it, the proxy is its own page.
const asItsOwnPage = {
  target: server,
  changeOrigin: true,
  ws: true,
  headers: { origin: new URL(server).origin },
};

const proxy = {
  "^/graphql(\\?.*)?$": asItsOwnPage,
  "^/jobs/[^/]+/log(\\?.*)?$": asItsOwnPage,
};

/** `npm run preview` serves the dashboard under the policy that the server has for it. */
const policy: Plugin = {
  name: "policy",
  configurePreviewServer({ middlewares }) {
    middlewares.use((request, response, next) => {
      if (!request.url?.startsWith("/graphiql")) {
        response.setHeader(
          "Content-Security-Policy",
          "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        );
      }
      next();
    });
  },
};

export default defineConfig({
  plugins: [react(), policy, ...quickFirstLoad],
  resolve: {
    alias: { "markdown-to-jsx/react": resolve(import.meta.dirname, "src/features/start/plainText.tsx") },
  },
  // Hashed names under assets/ may be cached for ever; nothing else may.
  build: {
    outDir: "dist",
    assetsDir: "assets",
    // What scripts/budget.mjs reads, and takes away again.
    manifest: true,
    // The page's policy allows no data: scripts or styles, so nothing is inlined.
    assetsInlineLimit: 0,
    // Where a browser does not know it, it only loads them later.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: pages,
      output: { codeSplitting: fewFiles },
      // React's compiler leaves marks in GraphiQL's modules that mean nothing once they are built.
      onLog: (level, log, next) => (log.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : next(level, log)),
    },
    // GraphiQL's editor is one piece of nearly 3 MB, loaded by its own page only.
    chunkSizeWarningLimit: 4_000,
  },
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 4173, strictPort: true, proxy },
  // Most of what is tested needs no page; the files that do say so in their first line.
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
