// What is said of workers that drain or are gone.

import { expect, test } from "vitest";
import { drainWords, standstill } from "./standing";

const worker = (id: string, kinds: string[], standing: "live" | "draining" | "gone" = "live") => ({
  id,
  live: standing !== "gone",
  draining: standing === "draining",
  kinds: kinds.map((name) => ({ id: `kind:${name}`, name })),
});

test("nothing starts where nobody lives, or all who live drain", () => {
  expect(standstill([worker("a", ["x"]), worker("b", [], "gone")])).toBeNull();
  expect(standstill([worker("a", ["x"], "draining"), worker("b", [])])).toBeNull();
  expect(standstill([worker("a", ["x"], "draining"), worker("b", [], "gone")])).toMatch(
    /^Every live worker drains/,
  );
  expect(standstill([worker("a", ["x"], "gone")])).toMatch(/^No worker lives/);
});

test("who drains one is told which kinds nobody else takes", () => {
  const gpu = worker("gpu", ["film", "train"]);
  expect(drainWords(gpu, [gpu])).toContain("No other worker takes jobs");
  const gone = worker("b", ["train"], "gone");
  const draining = worker("c", ["train"], "draining");
  expect(drainWords(gpu, [gpu, gone, draining])).toContain("No other worker takes jobs");
  const plain = worker("d", ["film"]);
  expect(drainWords(gpu, [gpu, draining, plain])).toContain("Nobody else takes jobs of train: they wait");
  expect(drainWords(plain, [gpu, plain])).toContain("The others take its kinds, too.");
});
