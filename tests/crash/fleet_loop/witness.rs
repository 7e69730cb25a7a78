//! What the database notes by itself of attempts: when each was begun and when it ended, by one clock, and
//! whatever was changed of an attempt, or of a job, that had ended (P4, P5).

use tokio_postgres::Client;

const MAKE: &str = "
CREATE TABLE witnessed (fence BIGINT NOT NULL, what TEXT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE changed_after_the_end (told TEXT NOT NULL);
CREATE FUNCTION witness_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now BIGINT := extract(epoch FROM clock_timestamp()) * 1000;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO witnessed VALUES (NEW.fence, 'BEGUN', now);
    ELSIF OLD.ended_at IS NOT NULL AND OLD IS DISTINCT FROM NEW THEN
        INSERT INTO changed_after_the_end VALUES (format('attempt %s became %s', OLD, NEW));
    ELSIF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL THEN
        INSERT INTO witnessed VALUES (NEW.fence, 'ENDED', now);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION witness_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changed_after_the_end VALUES (format('job %s became %s', OLD, NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON attempts
    FOR EACH ROW EXECUTE FUNCTION witness_attempt();
CREATE TRIGGER witness AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND
        (OLD.state, OLD.reason, OLD.reason_text, OLD.exit_code, OLD.signal, OLD.attempt, OLD.ended_at)
        IS DISTINCT FROM
        (NEW.state, NEW.reason, NEW.reason_text, NEW.exit_code, NEW.signal, NEW.attempt, NEW.ended_at))
    EXECUTE FUNCTION witness_job();";

/// Lets it note, from now on.
pub(super) async fn begin(client: &Client) {
    client.batch_execute(MAKE).await.unwrap();
}

/// Fails where anything was changed that had ended.
pub(super) async fn assert_final(client: &Client) {
    let rows = client.query("SELECT told FROM changed_after_the_end", &[]).await.unwrap();
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(told.is_empty(), "P4, P5: changed after the end: {told:#?}");
}
