// A new token: whose, for what, until when; its secret is shown once.

import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, useState } from "react";
import { Popup } from "../../components/Popup";
import { ProblemNote } from "../../components/Problem";
import { access } from "../../graphql/access";
import { actUncached } from "../../graphql/client";
import { CreateTokenDocument, type CreateTokenInput } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { serverNow } from "../../time/now";

const DAY_MS = 86_400_000;
const SCOPES = [
  { scope: "read", words: "see all jobs, kinds and queues" },
  { scope: "start:*", words: "start jobs of every kind" },
  { scope: "cancel", words: "cancel jobs" },
  { scope: "admin", words: "all of that, pause queues, and make tokens" },
] as const;
const TIMES = [
  { days: 0, words: "Never" },
  { days: 1, words: "In a day" },
  { days: 7, words: "In 7 days" },
  { days: 30, words: "In 30 days" },
  { days: 365, words: "In a year" },
] as const;

interface Props {
  /** The server asks nobody for a token yet. */
  isFirst: boolean;
  onMade(): void;
}

export function CreateToken({ isFirst, onMade }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const close = (next: boolean) => {
    setOpen(next);
    if (!next && secret !== null) {
      setSecret(null);
      onMade();
    }
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={close} disablePointerDismissal={secret !== null}>
      <Dialog.Trigger className="primary">Make a token</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Popup>
          {secret === null ? (
            <Questions isFirst={isFirst} onSecret={setSecret} />
          ) : (
            <Secret secret={secret} isFirst={isFirst} onUse={() => close(false)} />
          )}
        </Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Questions({ isFirst, onSecret }: { isFirst: boolean; onSecret(secret: string): void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly string[]>(isFirst ? ["admin"] : ["read"]);
  const [days, setDays] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<Problem | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const expiresAt = days === 0 ? null : new Date(serverNow() + days * DAY_MS).toISOString();
    const input: CreateTokenInput = { name, scopes: [...scopes], expiresAt };
    const { data, problem } = await actUncached(CreateTokenDocument, { input });
    setBusy(false);
    setFailed(problem);
    if (data !== null) {
      onSecret(data.createToken.secret);
    }
  };
  const toggle = (scope: string, isOn: boolean) =>
    setScopes((before) => (isOn ? [...before, scope] : before.filter((one) => one !== scope)));

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Dialog.Title>Make a token</Dialog.Title>
      <Dialog.Description>
        {isFirst
          ? "This is the server's first token: from then on the server asks everybody for one, for good. It must have the scope admin."
          : "Whoever holds it may do what its scopes say. Its secret is shown once."}
      </Dialog.Description>
      {failed !== null && <ProblemNote what="The token was not made" problem={failed} />}
      <label>
        Name of its holder
        <input
          value={name}
          required
          maxLength={63}
          pattern="[A-Za-z0-9_.\-]+"
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <fieldset className="scopes">
        <legend>May</legend>
        {SCOPES.map(({ scope, words }) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={(event) => toggle(scope, event.currentTarget.checked)}
            />
            <span>
              {words} <code>{scope}</code>
            </span>
          </label>
        ))}
      </fieldset>
      <label>
        Expires
        <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          {TIMES.map((time) => (
            <option key={time.days} value={time.days}>
              {time.words}
            </option>
          ))}
        </select>
      </label>
      <div className="actions">
        <Dialog.Close>Leave it</Dialog.Close>
        <button type="submit" className="primary" disabled={isBusy || scopes.length === 0}>
          {isBusy ? "Asking…" : "Make it"}
        </button>
      </div>
    </form>
  );
}

function Secret({ secret, isFirst, onUse }: { secret: string; isFirst: boolean; onUse(): void }) {
  const [copied, setCopied] = useState<boolean | null>(null);
  const copy = async () => {
    // A browser has a clipboard on https and on the loopback only.
    const done = await navigator.clipboard?.writeText(secret).then(
      () => true,
      () => false,
    );
    setCopied(done ?? false);
  };
  const use = () => {
    onUse();
    access.take(secret, false);
  };
  return (
    <>
      <Dialog.Title>The token was made</Dialog.Title>
      <Dialog.Description>
        Copy it now: nobody, the server neither, can show it again.
        {isFirst && " From now on this server asks everybody for a token."}
      </Dialog.Description>
      <pre>
        <code>{secret}</code>
      </pre>
      <p role="status">
        {copied === true && "Copied."}
        {copied === false && "The browser did not let it be copied: select it by hand."}
      </p>
      <div className="actions">
        {isFirst && (
          <button type="button" onClick={use}>
            Go on in this page with it
          </button>
        )}
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <Dialog.Close className="primary">I have it</Dialog.Close>
      </div>
    </>
  );
}
