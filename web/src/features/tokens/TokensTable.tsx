// The tokens, and taking one back.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useState } from "react";
import { Popup } from "../../components/Popup";
import { ProblemNote } from "../../components/Problem";
import { Time } from "../../components/Time";
import { actUncached } from "../../graphql/client";
import { RevokeTokenDocument, type TokenRowFragment } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";

interface Props {
  tokens: readonly TokenRowFragment[];
  onChanged(): void;
}

export function TokensTable({ tokens, onChanged }: Props) {
  return (
    <table className="jobs">
      <caption className="hidden-words">Tokens, the one made last first</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">May</th>
          <th scope="col" className="wide">
            Made
          </th>
          <th scope="col" className="wide">
            Last used
          </th>
          <th scope="col">Good</th>
        </tr>
      </thead>
      <tbody>
        {tokens.map((token) => (
          <tr key={token.id}>
            <td className="token-name">
              {token.name} <code className="wide">{token.id}</code>
            </td>
            <td>
              {token.scopes.map((scope) => (
                <code key={scope} className="scope">
                  {scope}
                </code>
              ))}
            </td>
            <td className="wide">
              <Time at={token.createdAt} />
              {token.createdBy !== null && ` by ${token.createdBy}`}
            </td>
            <td className="wide">{token.lastUsedAt === null ? "never" : <Time at={token.lastUsedAt} />}</td>
            <td>
              <Good token={token} onChanged={onChanged} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Good({ token, onChanged }: { token: TokenRowFragment; onChanged(): void }) {
  if (token.revokedAt !== null) {
    return (
      <span className="note">
        revoked <Time at={token.revokedAt} />
      </span>
    );
  }
  return (
    <>
      <span className="note">
        {token.expiresAt === null ? (
          "until revoked"
        ) : (
          <>
            {token.live ? "expires" : "expired"} <Time at={token.expiresAt} />
          </>
        )}{" "}
      </span>
      {token.live && <Revoke token={token} onChanged={onChanged} />}
    </>
  );
}

function Revoke({ token, onChanged }: { token: TokenRowFragment; onChanged(): void }) {
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<Problem | null>(null);
  const confirm = async () => {
    setBusy(true);
    const { problem } = await actUncached(RevokeTokenDocument, { id: token.id });
    setBusy(false);
    setFailed(problem);
    if (problem === null) {
      setOpen(false);
      onChanged();
    }
  };
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={setOpen}>
      <AlertDialog.Trigger className="danger" aria-label={`Revoke the token of ${token.name}`}>
        Revoke
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <Popup>
          <AlertDialog.Title>Revoke the token of {token.name}?</AlertDialog.Title>
          <AlertDialog.Description>
            It is worth nothing from then on, and so is every share that was made with it. What its holder
            follows ends at once. This can't be undone.
          </AlertDialog.Description>
          {failed !== null && <ProblemNote what="The token could not be revoked" problem={failed} />}
          <div className="actions">
            <AlertDialog.Close>Keep it</AlertDialog.Close>
            <button type="button" className="danger" disabled={isBusy} onClick={() => void confirm()}>
              {isBusy ? "Asking…" : "Revoke it"}
            </button>
          </div>
        </Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
