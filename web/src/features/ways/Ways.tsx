// The same by other ways: the command line, curl, GraphQL. Each can be copied.

import { Tabs } from "@base-ui/react/tabs";
import { Copied } from "./Copied";
import type { Way } from "./ways";
import "./ways.css";

export function Ways({ ways }: { ways: readonly Way[] }) {
  return (
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
          <Copied text={text} label={name === "curl" ? "curl command" : name} />
        </Tabs.Panel>
      ))}
    </Tabs.Root>
  );
}
