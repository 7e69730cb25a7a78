// A fault of the page itself, also a part of it that could not be loaded.

import { useTitle } from "../components/useTitle";

export function ErrorPage({ error }: { error: unknown }) {
  useTitle("Error");
  const message = error instanceof Error ? error.message : String(error);
  return (
    <>
      <h1>This page failed</h1>
      <p>
        <code>{message}</code>
      </p>
      <p>
        The server may have been replaced by another version meanwhile, or it is away. No job is touched by
        this.
      </p>
      <button type="button" onClick={() => window.location.reload()}>
        Load the page again
      </button>
    </>
  );
}
