// The editor's colours: each has enough contrast for small text, which the built-in ones do not.

import type { editor } from "monaco-editor";
import * as monaco from "monaco-graphql/esm/monaco-editor.js";

const clear = "#ffffff00";

function theme(base: "vs" | "vs-dark", colours: Record<Colour, string>): editor.IStandaloneThemeData {
  const { surface, accent, dim, comment, argument } = colours;
  return {
    base,
    inherit: true,
    colors: {
      // The page behind it shows through.
      "editor.background": clear,
      "scrollbar.shadow": clear,
      "editorHoverWidget.background": surface,
      "editorSuggestWidget.background": surface,
      "editorWidget.background": surface,
      "menu.background": surface,
      "quickInput.background": surface,
      "editorLineNumber.foreground": dim,
      "editorLineNumber.activeForeground": argument,
      "editorLineNumber.dimmedForeground": dim,
      "list.highlightForeground": accent,
      "list.focusHighlightForeground": accent,
      "textLink.foreground": accent,
      "textLink.activeForeground": accent,
      "editorLink.activeForeground": accent,
      focusBorder: accent,
    },
    rules: [
      { token: "comment", foreground: comment.slice(1) },
      { token: "argument.identifier.gql", foreground: argument.slice(1) },
    ],
  };
}

type Colour = "surface" | "accent" | "dim" | "comment" | "argument";

/** What GraphiQL calls by name. */
export const editorTheme = { light: "longhaul-light", dark: "longhaul-dark" };

const light = {
  surface: "#ffffff",
  accent: "#b00476",
  dim: "#4d5866",
  comment: "#2c6a2c",
  argument: "#4f4cb3",
};
const dark = {
  surface: "#212a3b",
  accent: "#ff8fb8",
  dim: "#a5b0be",
  comment: "#9ccb86",
  argument: "#b3aeff",
};

monaco.editor.defineTheme(editorTheme.light, theme("vs", light));
monaco.editor.defineTheme(editorTheme.dark, theme("vs-dark", dark));
