// What was chosen on a page whose choice the address holds.

import { useState } from "react";

/**
 * The address says what was chosen a moment later (`tell` ends then), and on a busy machine it is a long one: until then what
 * was chosen last is what is shown, and what the next choice begins with.
 */
export function useChosen<Choice>(
  said: Choice,
  tell: (choice: Choice) => Promise<void>,
): [Choice, (choice: Choice) => void] {
  const [chosen, setChosen] = useState<{ choice: Choice } | null>(null);
  const choose = (choice: Choice) => {
    const mine = { choice };
    setChosen(mine);
    void tell(choice).finally(() => setChosen((last) => (last === mine ? null : last)));
  };
  return [chosen === null ? said : chosen.choice, choose];
}
