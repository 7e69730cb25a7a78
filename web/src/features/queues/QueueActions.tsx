// What can be done with a queue: pause it, resume it, give it more or fewer slots.

import { NumberField } from "@base-ui/react/number-field";
import { useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { Question } from "../../components/Question";
import { type Answer, act } from "../../graphql/client";
import {
  PauseQueueDocument,
  type QueueRowFragment,
  ResumeQueueDocument,
  SetQueueSlotsDocument,
} from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { notices } from "../undo/notices";

/** Pausing and resuming, each of which undoes the other. */
async function pauseQueue(name: string, note: string | null): Promise<Answer<unknown>> {
  const answer = await act(PauseQueueDocument, { name, note });
  if (answer.problem === null && answer.data?.pauseQueue.changed === true) {
    const undo = async () => (await act(ResumeQueueDocument, { name })).problem;
    notices.offer({ words: `The queue ${name} is paused.`, undo });
  }
  return answer;
}

async function resumeQueue(name: string, note: string | null): Promise<Answer<unknown>> {
  const answer = await act(ResumeQueueDocument, { name });
  if (answer.problem === null && answer.data?.resumeQueue.changed === true) {
    const undo = async () => (await act(PauseQueueDocument, { name, note })).problem;
    notices.offer({ words: `The queue ${name} is resumed.`, undo });
  }
  return answer;
}

async function setSlots(name: string, slots: number, before: number): Promise<Answer<unknown>> {
  const answer = await act(SetQueueSlotsDocument, { name, slots });
  if (answer.problem === null && answer.data?.setQueueSlots.changed === true) {
    const undo = async () => (await act(SetQueueSlotsDocument, { name, slots: before })).problem;
    notices.offer({ words: `The queue ${name} has ${slots === 1 ? "1 slot" : `${slots} slots`}.`, undo });
  }
  return answer;
}

interface Props {
  queue: QueueRowFragment;
}

export function QueueActions({ queue }: Props) {
  const [failed, setFailed] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const resume = async () => {
    setBusy(true);
    setFailed((await resumeQueue(queue.name, queue.pausedNote)).problem);
    setBusy(false);
  };
  return (
    <>
      <div className="actions">
        {queue.paused ? (
          <button type="button" disabled={isBusy} onClick={() => void resume()}>
            {isBusy ? "Resuming…" : "Resume"}
          </button>
        ) : (
          <Pause queue={queue} />
        )}
        <SetSlots queue={queue} />
      </div>
      {failed !== null && <ProblemNote what="The queue could not be resumed" problem={failed} />}
    </>
  );
}

function Pause({ queue }: Props) {
  const [note, setNote] = useState("");
  return (
    <Question
      open="Pause"
      title={`Pause the queue ${queue.name}?`}
      text="Running jobs finish; no other starts until it is resumed. Jobs are still accepted, and wait."
      confirm="Pause the queue"
      what="The queue could not be paused"
      onConfirm={() => pauseQueue(queue.name, note === "" ? null : note)}
    >
      <label>
        Note (optional)
        <input value={note} maxLength={250} onChange={(event) => setNote(event.currentTarget.value)} />
      </label>
    </Question>
  );
}

function SetSlots({ queue }: Props) {
  const [slots, setTyped] = useState<number | null>(queue.slots);
  return (
    <Question
      open="Set slots"
      title={`How many jobs of ${queue.name} may run at once?`}
      text="It holds over a restart. Fewer than run now: none is stopped, and none starts until there is room. The worker's own slots still hold."
      confirm="Set the slots"
      what="The slots could not be set"
      onOpen={() => setTyped(queue.slots)}
      onConfirm={() => setSlots(queue.name, slots ?? queue.slots, queue.slots)}
    >
      <NumberField.Root
        id={`slots-${queue.name}`}
        value={slots}
        onValueChange={setTyped}
        min={0}
        max={10_000}
        className="number-field"
      >
        <label htmlFor={`slots-${queue.name}`}>Slots</label>
        <NumberField.Group className="number-group">
          <NumberField.Decrement aria-label="One less">−</NumberField.Decrement>
          <NumberField.Input />
          <NumberField.Increment aria-label="One more">+</NumberField.Increment>
        </NumberField.Group>
      </NumberField.Root>
    </Question>
  );
}
