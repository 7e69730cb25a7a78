// Looks for a pattern, away from the page.

import { compile, type Pattern, type Span, spans } from "./match";

export interface Question {
  number: number;
  pattern: Pattern;
  lines: readonly string[];
}

export interface Reply {
  number: number;
  spans: Span[][];
}

/** Said once, as soon as it can be asked. */
export const READY = "ready";

self.postMessage(READY);

self.onmessage = ({ data }: MessageEvent<Question>) => {
  const expression = compile(data.pattern);
  const reply: Reply = {
    number: data.number,
    spans: expression instanceof RegExp ? spans(data.lines, expression) : [],
  };
  self.postMessage(reply);
};
