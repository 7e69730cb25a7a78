// The same start by other ways, beside the form.

import { endpoint } from "../../graphql/address";
import type { StartJobInput } from "../../graphql/generated";
import { Ways } from "../ways/Ways";
import { startWays } from "../ways/ways";

interface Props {
  /** null: the arguments are no JSON yet. */
  input: StartJobInput | null;
  withToken: boolean;
}

export function Same({ input, withToken }: Props) {
  if (input === null) {
    return <p className="note">The same by command: once the arguments are JSON.</p>;
  }
  return (
    <section className="card same" aria-labelledby="ways-title">
      <h3 id="ways-title">The same by other ways</h3>
      <Ways ways={startWays({ origin: window.location.origin, endpoint, withToken }, input)} />
      <p className="note">
        The key makes one job, however often it is sent, and the same one as the button. Another job needs
        another key.
        {withToken && " The token is taken from LONGHAUL_TOKEN."}
      </p>
    </section>
  );
}
