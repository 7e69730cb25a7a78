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
const field = (name = "Speed") => screen.getByLabelText<HTMLSelectElement>(new RegExp(`^${name}`));
const offered = (name?: string) => [...field(name).options].map(({ textContent }) => textContent);
const shown = (name?: string) => offered(name)[field(name).selectedIndex];
const choose = (words: string, name?: string) => {
  const option = field(name).options[offered(name).indexOf(words)];
  return act(async () => void fireEvent.change(field(name), { target: { value: option?.value } }));
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

test("a choice that has to be made begins with its default, which is sent, and cannot be taken back", async () => {
  render(<Form schema={{ properties: { speed }, required: ["speed"] }} />);
  expect(shown()).toBe("fast");
  expect(offered()).toEqual(["slow", "fast"]);
  expect(await sent()).toEqual({ speed: "fast" });
});

const dry = { type: "boolean", title: "Dry run", description: "Changes nothing", default: true };

test("yes or no with a default is shown as not given until it is given, and only then sent", async () => {
  render(<Form schema={{ properties: { dry } }} />);
  expect(offered("Dry run")).toEqual(["not given (default: true)", "true", "false"]);
  expect(shown("Dry run")).toBe("not given (default: true)");
  expect(screen.getByText("Changes nothing").id).toBe(
    field("Dry run").getAttribute("aria-describedby")?.split(" ")[1],
  );
  expect(await sent()).toEqual({});
  await choose("false", "Dry run");
  expect(await sent()).toEqual({ dry: false });
  await choose("not given (default: true)", "Dry run");
  expect(await sent()).toEqual({});
});

test("yes or no that has to be given, or has no default, is a box", async () => {
  const wet = { type: "boolean", title: "Wet" };
  render(<Form schema={{ properties: { dry, wet }, required: ["dry"] }} />);
  const box = (name: string) => screen.getByRole<HTMLInputElement>("checkbox", { name });
  expect(box("Dry run").checked).toBe(true);
  expect(await sent()).toEqual({ dry: true });
  await act(async () => void fireEvent.click(box("Wet")));
  expect(await sent()).toEqual({ dry: true, wet: true });
});
