// The server asks for a token: whoever has one goes on where they were.

import { type FormEvent, useId, useRef, useState } from "react";
import { signIn } from "../graphql/access";
import { host } from "../graphql/address";
import { useAccess } from "../graphql/useAccess";
import "./sign-in.css";

export function SignIn() {
  const { wanted } = useAccess();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const problem = await signIn(token.trim(), remember);
    setBusy(false);
    setWrong(problem);
    // Whoever types another one already goes on with that.
    if (problem !== null && field.current?.value === token) {
      field.current.select();
    }
  };

  return (
    <section className="sign-in" aria-labelledby={`${id}-title`}>
      <h1 id={`${id}-title`}>This server asks for a token</h1>
      <p id={`${id}-why`}>
        {wanted === "ended" && "The token that was used is no longer good: it has expired or was revoked. "}
        Whoever runs the server at {host} makes one with <code>longhaul token create NAME --scope read</code>.
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor={`${id}-token`}>Token</label>
        {/* Without a name nothing could put it into an address. */}
        <input
          id={`${id}-token`}
          ref={field}
          type="password"
          // biome-ignore lint/a11y/noAutofocus: nothing else can be done on this page.
          autoFocus
          required
          autoComplete="off"
          spellCheck={false}
          placeholder="lh_…"
          aria-describedby={`${id}-why`}
          aria-errormessage={`${id}-wrong`}
          aria-invalid={wrong !== null}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
        />
        <p id={`${id}-wrong`} className="sign-in-wrong" role="alert">
          {wrong}
        </p>
        <label className="sign-in-check">
          <input
            type="checkbox"
            checked={remember}
            onChange={(event) => setRemember(event.currentTarget.checked)}
          />
          Remember it in this tab
        </label>
        <p className="sign-in-note">Otherwise it is forgotten when the page is loaded again or left.</p>
        <button type="submit" disabled={isBusy}>
          {isBusy ? "Asking the server…" : "Go on"}
        </button>
      </form>
    </section>
  );
}
