// Stands for the library by which the form library could show descriptions as Markdown (vite.config.ts): it is a third of
// the page that the form is on, and is never asked for. Text is only ever text.

import type { ReactNode } from "react";

export function Markdown({ children }: { children?: ReactNode }) {
  return <>{children}</>;
}
