// @vitest-environment happy-dom
// What the form shows is what it sends.

import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ArgsForm } from "./ArgsForm";
import type { Start } from "./useStart";

const send = vi.fn(async (_: unknown) => {});
const start: Start = {
  isBusy: false,
  failed: null,
  wrong: [],
  setWrong: () => {},
  requestOf: (args) => ({ kind: "k", args }),
  send,
};

beforeEach(() => send.mockClear());
afterEach(cleanup);

function Form({ schema }: { schema: object }) {
  const [args, setArgs] = useState<unknown>(undefined);
  return (
    <ArgsForm schema={schema} args={args} start={start} onChange={setArgs}>
      <button type="submit">Start</button>
    </ArgsForm>
  );
}

const speed = { type: "string", title: "Speed", enum: ["slow", "fast"], default: "fast" };
const field = () => screen.getByLabelText<HTMLSelectElement>(/^Speed/);
const shown = () => field().options[field().selectedIndex]?.textContent;
const choose = (words: string) => {
  const option = [...field().options].find(({ textContent }) => textContent === words);
  return act(async () => void fireEvent.change(field(), { target: { value: option?.value } }));
};
const sent = async () => {
  await act(async () => void fireEvent.click(screen.getByRole("button", { name: "Start" })));
  return send.mock.lastCall?.[0];
};

test("a choice with a default that nobody has to make is shown as not made, and not sent", async () => {
  render(<Form schema={{ properties: { speed } }} />);
  expect(shown()).toBe("not given (default: fast)");
  expect(await sent()).toEqual({});
  await choose("slow");
  expect(shown()).toBe("slow");
  expect(await sent()).toEqual({ speed: "slow" });
  await choose("not given (default: fast)");
  expect(await sent()).toEqual({});
});

test("the default of a choice that has to be made is shown, and sent", async () => {
  render(<Form schema={{ properties: { speed }, required: ["speed"] }} />);
  expect(shown()).toBe("fast");
  expect(await sent()).toEqual({ speed: "fast" });
});
