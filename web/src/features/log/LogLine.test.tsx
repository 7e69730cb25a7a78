// @vitest-environment happy-dom
// What a job prints is text on the page, whatever it looks like.

import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Line } from "./buffer";
import { LogLine } from "./LogLine";

function line(change: Partial<Line>): Line {
  const at = "2026-11-25T12:00:00.000Z";
  return { cursor: "c", number: 7, at, stream: "STDOUT", attempt: 1, text: "", cut: false, ...change };
}

test("markup in a line makes no elements", () => {
  const text = "<script>alert(1)</script><img src=x onerror=alert(2)>\u001b[31m<b>&amp;</b>";
  const { container } = render(<LogLine line={line({ text })} previous={undefined} />);
  expect(container.querySelectorAll("script, img, b")).toHaveLength(0);
  expect(container.querySelector(".log-text")?.textContent).toBe(
    "<script>alert(1)</script><img src=x onerror=alert(2)><b>&amp;</b>",
  );
});

test("a line of standard error says so in a word", () => {
  const { container } = render(<LogLine line={line({ stream: "STDERR", text: "x" })} previous={undefined} />);
  expect(container.querySelector(".log-stream")?.textContent).toBe("err");
});

test("a cut line, lines that were left out, and another attempt are said in words", () => {
  const { container } = render(
    <LogLine line={line({ cut: true, number: 9, attempt: 2 })} previous={line({ number: 4, attempt: 2 })} />,
  );
  expect(container.textContent).toContain("4 lines before this one were left out");
  expect(container.textContent).toContain("cut: the line was longer than the limit");
  const again = render(<LogLine line={line({ number: 1, attempt: 2 })} previous={line({ number: 4 })} />);
  expect(again.container.textContent).toContain("attempt 2");
});
