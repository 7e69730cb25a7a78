// A dialog that asks before something is done: it stays while that is under way, and says why it was not.

import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, type ReactNode, useState } from "react";
import type { Answer } from "../graphql/client";
import type { Problem } from "../graphql/problem";
import { Popup } from "./Popup";
import { ProblemNote } from "./Problem";

interface QuestionProps {
  open: string;
  title: string;
  text: string;
  confirm: string;
  /** What could not be done. */
  what: string;
  children?: ReactNode;
  onOpen?(): void;
  onConfirm(): Promise<Answer<unknown>>;
}

/** A dialog that asks, does it, and closes; or stays and says why not. */
export function Question({ open, title, text, confirm, what, children, onOpen, onConfirm }: QuestionProps) {
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<Problem | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const { problem } = await onConfirm();
    setBusy(false);
    setFailed(problem);
    setOpen(problem !== null);
  };
  const change = (next: boolean) => {
    if (next) {
      setFailed(null);
      onOpen?.();
    }
    setOpen(next);
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={change}>
      <Dialog.Trigger>{open}</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Popup>
          <Dialog.Title>{title}</Dialog.Title>
          <Dialog.Description>{text}</Dialog.Description>
          {failed !== null && <ProblemNote what={what} problem={failed} />}
          <form onSubmit={(event) => void submit(event)}>
            {children}
            <div className="actions">
              <Dialog.Close>Leave it</Dialog.Close>
              <button type="submit" className="primary" disabled={isBusy}>
                {isBusy ? "Asking…" : confirm}
              </button>
            </div>
          </form>
        </Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
