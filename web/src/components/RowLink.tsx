// A link of which a page has very many: the router's own computes far more for each, before anybody follows one.

import { useRouter } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, MouseEvent } from "react";

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** An address of the dashboard. */
  href: string;
}

export function RowLink({ href, children, ...rest }: Props) {
  const { history } = useRouter();
  const follow = (event: MouseEvent) => {
    // With these the browser opens it somewhere else.
    if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      history.push(href);
    }
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
