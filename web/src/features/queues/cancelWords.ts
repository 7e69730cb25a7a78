// What is said of a cancel that is held, under way, or over. Pure.

import { count } from "../../time/format";

/** `id`: where it is about one. */
export function willBe(number: number, id?: string): string {
  return number === 1 && id !== undefined
    ? `Job …${id.slice(-8)} will be canceled`
    : `${jobs(number)} will be canceled`;
}

export function told(
  { done, failed }: { done: number; failed: number },
  when: "so far" | "stopped" | "over",
): string {
  const not = failed === 0 ? "" : `, ${count(failed)} not`;
  if (when === "so far") {
    return `${jobs(done)} canceled${not} so far…`;
  }
  return `${when === "stopped" ? "Stopped: " : ""}${jobs(done)} canceled${not}.`;
}

function jobs(number: number): string {
  return number === 1 ? "1 job" : `${count(number)} jobs`;
}
