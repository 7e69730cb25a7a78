//! The plain routes: probes, the pointer at `/`, and raw logs.

use serde_json::Value;

use super::bed::serve;

#[tokio::test]
async fn probes_tell_alive_from_ready() {
    let server = serve().await;
    assert_eq!(server.get("/healthz").await.status(), 200);
    assert_eq!(server.get("/readyz").await.status(), 200);
    server.scheduler.drain().await;
    let readyz = server.get("/readyz").await;
    assert_eq!(readyz.status(), 503);
    assert_eq!(readyz.text().await.unwrap(), "the server is stopping\n");
    assert_eq!(server.get("/healthz").await.status(), 200);
    assert!(server.get("/").await.text().await.unwrap().contains("POST /graphql"));
}

#[tokio::test]
async fn a_raw_log_says_what_is_not_there() {
    let server = serve().await;
    let id = server.start("narrow").await;
    for (path, status) in [
        (format!("/jobs/{id}/log"), 200),
        (format!("/jobs/{id}/log?attempt=1"), 404),
        (format!("/jobs/{id}/log?attempt=x"), 400),
        (format!("/jobs/{id}/log?stream=both"), 400),
        ("/jobs/42/log".to_owned(), 400),
        ("/jobs/%ff/log".to_owned(), 400),
        ("/jobs/..%2F..%2Fetc%2Fpasswd/log".to_owned(), 400),
        ("/jobs/019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77/log".to_owned(), 404),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), status, "{path}");
        if status != 200 {
            let body: Value = answer.json().await.unwrap();
            assert!(body["errors"][0]["extensions"]["code"].is_string(), "{path}: {body}");
        }
    }
}
