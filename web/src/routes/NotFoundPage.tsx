// Nothing is at this address.

import { Link } from "@tanstack/react-router";
import { useTitle } from "../components/useTitle";

export function NotFoundPage() {
  useTitle("Not found");
  return (
    <>
      <h1>Not found</h1>
      <p>There is no page at this address.</p>
      <p>
        <Link to="/">Show all jobs</Link> or <Link to="/start">start one</Link>.
      </p>
    </>
  );
}
