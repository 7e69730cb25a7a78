// The list of the keys. No part of the first load.

import { Dialog } from "@base-ui/react/dialog";
import { PAGES, PALETTE_KEYS } from "./keyNames";
import { Popup } from "./Popup";

export function Help({ isOpen, onOpen }: { isOpen: boolean; onOpen(isOpen: boolean): void }) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpen}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Popup>
          <Dialog.Title>Keys</Dialog.Title>
          <dl className="keys">
            <Key keys={PALETTE_KEYS} does="to a page, a kind, a queue or a job by its id" />
            <Key keys="/" does="search" />
            <Key keys="j k" does="to the next and the one before in a list" />
            <Key keys="o" does="open it" />
            <Key keys="n N" does="to the next match in a log, and the one before" />
            <Key keys="u" does="undo what was just asked for" />
            {PAGES.map(({ key, name }) => (
              <Key key={key} keys={`g ${key}`} does={name} />
            ))}
            <Key keys="?" does="this list" />
          </dl>
          <div className="actions">
            <Dialog.Close>Close</Dialog.Close>
          </div>
        </Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Key({ keys, does }: { keys: string; does: string }) {
  return (
    <div>
      <dt>
        <kbd>{keys}</kbd>
      </dt>
      <dd>{does}</dd>
    </div>
  );
}
