// What a person can do with a job: ask it to stop, kill it, start the same again.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Popup } from "../../components/Popup";
import { ProblemNote } from "../../components/Problem";
import { act } from "../../graphql/client";
import {
  CancelJobDocument,
  type CancelMode,
  type JobWholeFragment,
  RetryJobDocument,
} from "../../graphql/generated";
import { KeyKeeper } from "../../graphql/key";
import type { Problem } from "../../graphql/problem";
import { CopyAs } from "../ways/CopyAs";
import { lookWays, startWays } from "../ways/ways";
import type { Past } from "./usePast";

interface Props {
  job: JobWholeFragment;
}

interface ActionsProps extends Props {
  /** What the caller may do; null: not known yet. */
  can: Past["viewerCan"] | null;
  /** Is that as of the job's present seq? */
  isCurrent: boolean;
}

export function Actions({ job, can, isCurrent }: ActionsProps) {
  const [failed, setFailed] = useState<{ what: string; problem: Problem } | null>(null);
  const isOpen = job.state === "QUEUED" || job.state === "RUNNING";
  if (can === null) {
    return <div className="actions job-actions" aria-busy="true" />;
  }
  return (
    <>
      <div className="actions job-actions">
        {isOpen && can.cancel && (
          <Cancel
            job={job}
            mode="GRACEFUL"
            onFailed={(problem) => setFailed({ what: "The job could not be canceled", problem })}
          />
        )}
        {job.state === "CANCELING" && can.cancel && (
          <Cancel
            job={job}
            mode="FORCE"
            onFailed={(problem) => setFailed({ what: "The job could not be killed", problem })}
          />
        )}
        {job.terminal && can.retry && (
          <Retry
            job={job}
            onFailed={(problem) => setFailed({ what: "The job could not be started again", problem })}
          />
        )}
        {job.kind.declared && (
          <Link to="/start" search={{ kind: job.kind.name, like: job.id }} className="button">
            Start with other arguments
          </Link>
        )}
        <CopyAs title="This job by other ways" choices={waysOf(job)} />
      </div>
      {isCurrent && <Lacking job={job} can={can} />}
      {failed !== null && <ProblemNote {...failed} />}
    </>
  );
}

/** Each start by these is another job: they have no key. */
function waysOf(job: JobWholeFragment): Parameters<typeof CopyAs>[0]["choices"] {
  const { kind, args } = job;
  const labels = job.labels.map(({ key, value }) => ({ key, value }));
  const input = { kind: kind.name, args, ...(labels.length > 0 && { labels }) };
  return [
    { name: "Look at it", of: (target) => lookWays(target, job.id) },
    { name: "Start the same again", of: (target) => startWays(target, input) },
  ];
}

/** Where the state would allow it, what is missing is the right. */
function Lacking({ job, can }: { job: JobWholeFragment; can: Past["viewerCan"] }) {
  if (!job.terminal && !can.cancel) {
    return (
      <p className="note">
        This token may not cancel it: that takes the scope <code>cancel</code>.
      </p>
    );
  }
  return job.terminal && job.kind.declared && !can.retry ? (
    <p className="note">
      This token may not start it again: that takes the scope <code>start:{job.kind.name}</code>.
    </p>
  ) : null;
}

const WORDS: Record<CancelMode, { open: string; title: string; text: string; confirm: string }> = {
  GRACEFUL: {
    open: "Cancel",
    title: "Cancel this job?",
    text: "Its processes are asked to stop (TERM). Those that are left after the kind's grace are killed. A job that waits is just taken out of its queue.",
    confirm: "Cancel the job",
  },
  FORCE: {
    open: "Kill now",
    title: "Kill this job now?",
    text: "Its processes are killed (KILL) without the rest of their grace. What they have not written is lost.",
    confirm: "Kill now",
  },
};

interface CancelProps extends Props {
  mode: CancelMode;
  onFailed(problem: Problem): void;
}

function Cancel({ job, mode, onFailed }: CancelProps) {
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [note, setNote] = useState("");
  const words = WORDS[mode];

  const confirm = async () => {
    setBusy(true);
    const { problem } = await act(CancelJobDocument, {
      id: job.id,
      mode,
      note: note === "" ? null : note,
    });
    setBusy(false);
    setOpen(false);
    if (problem !== null) {
      onFailed(problem);
    }
  };

  return (
    <AlertDialog.Root open={isOpen} onOpenChange={setOpen}>
      <AlertDialog.Trigger className="danger">{words.open}</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <Popup>
          <AlertDialog.Title>{words.title}</AlertDialog.Title>
          <AlertDialog.Description>{words.text}</AlertDialog.Description>
          {mode === "GRACEFUL" && (
            <label>
              Note (optional)
              <input value={note} maxLength={250} onChange={(event) => setNote(event.currentTarget.value)} />
            </label>
          )}
          <div className="actions">
            <AlertDialog.Close>Keep it</AlertDialog.Close>
            <button type="button" className="danger" disabled={isBusy} onClick={() => void confirm()}>
              {isBusy ? "Asking…" : words.confirm}
            </button>
          </div>
        </Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

interface RetryProps extends Props {
  onFailed(problem: Problem): void;
}

function Retry({ job, onFailed }: RetryProps) {
  const navigate = useNavigate();
  const [isBusy, setBusy] = useState(false);
  const [keys] = useState(() => new KeyKeeper());

  const retry = async () => {
    setBusy(true);
    const { data, problem } = await act(RetryJobDocument, {
      id: job.id,
      idempotencyKey: keys.keyFor(job.id),
    });
    if (data !== null) {
      // Busy until the other job's page is there: whoever presses again means this one.
      await navigate({ to: "/jobs/$id", params: { id: data.retryJob.job.id } });
      keys.done();
    } else if (problem !== null) {
      onFailed(problem);
    }
    setBusy(false);
  };

  return (
    <button type="button" disabled={isBusy} onClick={() => void retry()}>
      {isBusy ? "Starting…" : "Start the same again"}
    </button>
  );
}
