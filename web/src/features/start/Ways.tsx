// The same start by other ways: the command line, curl, GraphQL.

import { Tabs } from "@base-ui/react/tabs";
import { endpoint } from "../../graphql/address";
import type { StartJobInput } from "../../graphql/generated";
import { commandOf, curlOf, operationOf } from "./curl";

interface Props {
  /** null: the arguments are no JSON yet. */
  input: StartJobInput | null;
  withToken: boolean;
}

export function Ways({ input, withToken }: Props) {
  if (input === null) {
    return <p className="note">The same by command: once the arguments are JSON.</p>;
  }
  const ways = [
    { name: "Command", text: commandOf(window.location.origin, input) },
    { name: "curl", text: curlOf(endpoint, input, withToken) },
    { name: "GraphQL", text: operationOf(input) },
  ];
  return (
    <section className="card ways" aria-labelledby="ways-title">
      <h3 id="ways-title">The same by other ways</h3>
      <Tabs.Root defaultValue="Command">
        <Tabs.List className="tabs" aria-label="Ways">
          {ways.map(({ name }) => (
            <Tabs.Tab key={name} value={name} className="tab">
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {ways.map(({ name, text }) => (
          <Tabs.Panel key={name} value={name}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
            <section className="scroll" tabIndex={0} aria-label={name === "curl" ? "curl command" : name}>
              <pre>
                <code>{text}</code>
              </pre>
            </section>
          </Tabs.Panel>
        ))}
      </Tabs.Root>
      <p className="note">
        The key makes one job, however often it is sent, and the same one as the button. Another job needs
        another key.
        {withToken && " The token is taken from LONGHAUL_TOKEN."}
      </p>
    </section>
  );
}
