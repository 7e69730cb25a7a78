// Shows what the page shows, or does, by other ways, where somebody asks for it. No part of the first load.

import { Dialog } from "@base-ui/react/dialog";
import { useState } from "react";
import { Popup } from "../../components/Popup";
import { endpoint } from "../../graphql/address";
import { useAccess } from "../../graphql/useAccess";
import type { Copies } from "./CopyAs";
import { Ways } from "./Ways";

interface Props extends Copies {
  isOpen: boolean;
  onOpen(isOpen: boolean): void;
}

export function CopyDialog({ title, choices, children, isOpen, onOpen }: Props) {
  const { token } = useAccess();
  const [chosen, setChosen] = useState(0);
  const target = { origin: window.location.origin, endpoint, withToken: token !== null };
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpen}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Popup className="ways">
          <Dialog.Title>{title}</Dialog.Title>
          {choices.length > 1 && (
            <fieldset className="ways-choice">
              <legend className="hidden-words">What it does</legend>
              {choices.map(({ name }, index) => (
                <label key={name} className="check">
                  <input
                    type="radio"
                    name="ways"
                    checked={index === chosen}
                    onChange={() => setChosen(index)}
                  />
                  {name}
                </label>
              ))}
            </fieldset>
          )}
          <Ways ways={choices[chosen]?.of(target) ?? []} />
          {children}
          {target.withToken && <p className="note">The token is taken from LONGHAUL_TOKEN.</p>}
          <div className="actions">
            <Dialog.Close>Close</Dialog.Close>
          </div>
        </Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
