// The notices as a page shows them.

import { useSyncExternalStore } from "react";
import { type Notice, notices } from "./notices";

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(notices.subscribe, notices.all);
}
