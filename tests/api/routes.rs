//! The plain routes: probes, the pointer at `/`, and raw logs.

use serde_json::{Value, json};

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

#[tokio::test]
async fn numbers_are_for_whoever_sees_all_jobs() {
    // P15
    let server = serve().await;
    let scrape = async |token: &str| {
        let url = format!("http://{}/metrics", server.address);
        let mut request = reqwest::Client::new().get(url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.text().await.unwrap() == "numbers\n", status == 200);
        status
    };
    assert_eq!(scrape("").await, 200, "nobody is asked for a token");
    let root = std::cell::RefCell::new(String::new());
    let token = async |query: &str, path: &str| {
        let mut request = reqwest::Client::new().post(format!("http://{}/graphql", server.address));
        if !root.borrow().is_empty() {
            request = request.bearer_auth(&*root.borrow());
        }
        let answer = request.json(&json!({ "query": query })).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    let job = server.start("wide").await;
    let create = async |scope: &str| {
        let query = format!(
            "mutation {{ createToken(input: {{name: \"x\", scopes: [\"{scope}\"]}}) {{ secret }} }}"
        );
        token(&query, "/data/createToken/secret").await
    };
    let admin = create("admin").await;
    root.replace(admin.clone());
    let share = format!("mutation {{ shareJob(id: \"{job}\") {{ secret }} }}");
    let share = token(&share, "/data/shareJob/secret").await;
    for (who, token, status) in [
        ("nobody", String::new(), 401),
        ("a wrong one", admin.replace("lh_", "lh_0"), 401),
        ("start:*", create("start:*").await, 403),
        ("cancel", create("cancel").await, 403),
        ("a share", share, 403),
        ("read", create("read").await, 200),
        ("admin", admin, 200),
    ] {
        assert_eq!(scrape(&token).await, status, "{who}");
    }
}
