// A chart, which is drawn when all else of its page is there: what it shows stands beside it in words at once.

import { type ComponentProps, Suspense } from "react";
import { later } from "../../components/later";
import type { Chart as Drawn } from "./Chart";

const Loaded = later(async () => (await import("./Chart")).Chart);

export function Chart(props: ComponentProps<typeof Drawn>) {
  return (
    <Suspense fallback={<div className="chart" role="img" aria-label={props.label} />}>
      <Loaded {...props} />
    </Suspense>
  );
}
