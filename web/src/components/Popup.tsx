// What a dialog shows over the page. It has the focus as soon as it is there.

import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useRef } from "react";

/** What Tab reaches; of radio buttons it is the chosen one. */
const REACHED =
  ":is(a[href], button, input, select, textarea, [tabindex]):not(:disabled, [tabindex='-1'], [type=radio]:not(:checked))";

interface Props {
  /** Beside `dialog`. */
  className?: string;
  children: ReactNode;
}

export function Popup({ className = "", children }: Props) {
  const popup = useRef<HTMLDivElement>(null);
  return (
    <Dialog.Popup
      ref={popup}
      className={`dialog ${className}`}
      initialFocus={(by) => {
        // A field that has the focus brings up the keyboard of whoever has no other.
        if (by === "touch") {
          return popup.current;
        }
        // Here and not by what is returned: that has it with the next frame, and what is typed until then is lost.
        popup.current?.querySelector<HTMLElement>(REACHED)?.focus();
        return false;
      }}
    >
      {children}
    </Dialog.Popup>
  );
}
