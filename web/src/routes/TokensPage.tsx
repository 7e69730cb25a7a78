// The tokens of this server, for those who may make them.

import { ProblemNote } from "../components/Problem";
import { useTitle } from "../components/useTitle";
import "../features/jobs/jobs.css";
import { CreateToken } from "../features/tokens/CreateToken";
import { TokensTable } from "../features/tokens/TokensTable";
import "../features/tokens/tokens.css";
import { TokensDocument } from "../graphql/generated";
import { useAccess } from "../graphql/useAccess";
import { useFresh } from "../graphql/useFresh";

export function TokensPage() {
  useTitle("Tokens");
  const { token } = useAccess();
  const { data, problem, reload } = useFresh(TokensDocument, () => ({}), "tokens", 0);
  return (
    <>
      <div className="page-head">
        <h1>Tokens</h1>
        {data !== null && (
          <span className="end">
            <CreateToken isFirst={token === null} onMade={reload} />
          </span>
        )}
      </div>
      {problem !== null && (
        <ProblemNote what="The tokens could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the tokens…
        </p>
      )}
      {data !== null && data.tokens.length === 0 && (
        <p className="empty">
          This server has no token and asks nobody for one: whoever reaches it may do everything. From the
          first token on it asks everybody.
        </p>
      )}
      {data !== null && data.tokens.length > 0 && <TokensTable tokens={data.tokens} onChanged={reload} />}
    </>
  );
}
