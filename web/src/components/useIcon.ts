// The icon of the browser's tab: the state of the one job that is looked at, as a colour and as a shape.

import { useEffect } from "react";
import type { JobState } from "../graphql/generated";

/** On a tile of 32 by 32: dots wait, a triangle runs, a square stops, a tick is well, a cross is not, a bar was called off. */
const SHAPES: Partial<Record<JobState, { color: string; path: string }>> = {
  QUEUED: { color: "#454f5b", path: "M8 16h.1M16 16h.1M24 16h.1" },
  RUNNING: { color: "#0b4f9c", path: "M12 9v14l11-7z" },
  CANCELING: { color: "#6d4c00", path: "M11 11h10v10H11z" },
  SUCCEEDED: { color: "#14602c", path: "M8 17l5 5 11-12" },
  FAILED: { color: "#97141f", path: "M10 10l12 12M22 10L10 22" },
  CANCELED: { color: "#5b3a7c", path: "M9 16h14" },
};

/** The icon for a state as an address; null: the page's own. */
export function iconOf(state: JobState | null): string | null {
  const shape = state === null ? undefined : SHAPES[state];
  if (shape === undefined) {
    return null;
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="${shape.color}"/><path d="${shape.path}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

export function useIcon(state: JobState | null): void {
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    const icon = iconOf(state);
    if (link === null || icon === null) {
      return;
    }
    const own = link.href;
    link.href = icon;
    return () => {
      link.href = own;
    };
  }, [state]);
}
