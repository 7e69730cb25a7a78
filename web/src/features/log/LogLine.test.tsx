// @vitest-environment happy-dom
// What a job prints is text on the page, whatever it looks like.

import { render } from "@testing-library/react";
import { expect, test, vi } from "vitest";
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

const json = '{"n":12345678901234567890,"text":"<img src=x>"}';

test("a line of JSON has a button that says which, and is laid out as text once it is open", () => {
  const onToggle = vi.fn();
  const one = line({ text: json });
  const { container, rerender } = render(<LogLine line={one} previous={undefined} onToggle={onToggle} />);
  const button = container.querySelector("button");
  expect(button?.getAttribute("aria-label")).toBe("JSON of line 7");
  expect(button?.getAttribute("aria-expanded")).toBe("false");
  expect(container.querySelector(".log-json")).toBeNull();
  button?.click();
  expect(onToggle).toHaveBeenCalledWith("c");
  const at = json.indexOf("text");
  rerender(<LogLine line={one} previous={undefined} isOpen spans={[[at, at + 4]]} onToggle={onToggle} />);
  expect(button?.getAttribute("aria-expanded")).toBe("true");
  expect(container.querySelector(".log-json")?.textContent).toBe(
    '{\n  "n": 12345678901234567890,\n  "text": "<img src=x>"\n}',
  );
  expect(container.querySelectorAll("img")).toHaveLength(0);
  expect([...container.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["text", "text"]);
});

test("JSON in colours is JSON; what only looks like it, or was cut, has no button", () => {
  const has = (change: Partial<Line>) =>
    render(<LogLine line={line(change)} previous={undefined} />).container.querySelector("button") !== null;
  expect(has({ text: `\u001b[32m${json}\u001b[0m` })).toBe(true);
  expect(has({ text: "[INFO] done" })).toBe(false);
  expect(has({ text: "{not: json}" })).toBe(false);
  expect(has({ text: "" })).toBe(false);
  expect(has({ text: json, cut: true })).toBe(false);
});
