// What a page shows by the token that it has, kept current.

import { useSyncExternalStore } from "react";
import { type AccessState, access } from "./access";

export function useAccess(): AccessState {
  return useSyncExternalStore(access.subscribe, access.state);
}
