// GraphiQL draws each of its tabs as an element of role `tab` with two buttons inside, its name and
// its cross. A tab may hold nothing that takes the focus, so a screen reader passes over both.
// This makes them what they are: a list of buttons, of which one is the current one.

const ATTRIBUTES = ["role", "aria-selected"];

/** Corrects the tabs below `root`, now and whenever GraphiQL draws them anew. */
export function nameTabs(root: HTMLElement): void {
  new MutationObserver(() => correct(root)).observe(root, {
    subtree: true,
    childList: true,
    attributeFilter: ATTRIBUTES,
  });
  correct(root);
}

/** Takes away what GraphiQL says of its tabs. Where nothing is left to take away it changes nothing, so that it does not wake itself for ever. */
function correct(root: HTMLElement): void {
  for (const list of root.querySelectorAll('[role="tablist"]:has(> .graphiql-tab)')) {
    // Named, because a list without marks is none to some screen readers.
    list.setAttribute("role", "list");
  }
  for (const tab of root.querySelectorAll(".graphiql-tab")) {
    const selected = tab.getAttribute("aria-selected");
    if (selected !== null) {
      tab.querySelector(".graphiql-tab-button")?.setAttribute("aria-current", selected);
      tab.removeAttribute("aria-selected");
    }
    if (tab.getAttribute("role") === "tab") {
      tab.setAttribute("role", "listitem");
    }
  }
}
