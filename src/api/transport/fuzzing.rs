//! Doors for a fuzzer: each takes whatever bytes, and panics where something is not as it must be.
//!
//! Behind the feature `fuzzing`, for the targets in `tests/fuzz`. The tests here replay what the
//! fuzzer has found to be worth keeping, so that no fuzzer is needed to hold it.

use std::cell::RefCell;

use async_graphql::{Request, Variables};
use axum::body::Body;
use axum::http::{StatusCode, Uri};
use serde_json::Value;

use super::answer::problem;
use super::gate::fuzzing::Bed;
use super::{http, ws};
use crate::api::error::ApiError;

/// What stands between a document, its variables and the name of the operation.
const SEPARATOR: &str = "\n---\n";

thread_local! {
    static BED: RefCell<Bed> = RefCell::new(Bed::new());
}

/// A dialogue on a socket, see `ws::fuzzing`.
pub fn socket(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        ws::fuzzing::play(text);
    }
}

/// A document before the gate, with variables and the name of an operation behind lines of `---`.
pub fn gate(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, SEPARATOR);
    let mut request = Request::new(parts.next().unwrap_or_default());
    let variables = parts.next().and_then(|text| serde_json::from_str::<Value>(text).ok());
    request.variables = Variables::from_json(variables.unwrap_or_default());
    request.operation_name = parts.next().map(str::to_owned);
    BED.with_borrow_mut(|bed| bed.judge(request));
}

/// The body of a POST, and the same as the parameters of a GET; what is a request goes on to the
/// gate.
pub fn body(data: &[u8]) {
    let by_get = str::from_utf8(data).ok().and_then(|text| {
        let uri = format!("/graphql?{text}").parse::<Uri>().ok()?;
        Some(http::from_query(
            &axum::extract::Request::builder().uri(uri).body(Body::empty()).ok()?,
        ))
    });
    for read in [Some(http::from_json(data)), by_get].into_iter().flatten() {
        match read {
            Ok(request) => BED.with_borrow_mut(|bed| bed.judge(request)),
            Err(refused) => refusal(refused),
        }
    }
}

fn refusal(error: ApiError) {
    assert_eq!(error.code().as_str(), "INVALID_INPUT", "{error:?}");
    assert_eq!(problem(StatusCode::BAD_REQUEST, error).status(), StatusCode::BAD_REQUEST);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every input that was kept of one target.
    fn replay(target: &str, door: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| door(&input));
            assert!(held.is_ok(), "{} breaks it", path.display());
            count += 1;
        }
        assert!(count > 20, "{}: {count} inputs", folder.display());
    }

    #[test]
    fn no_kept_dialogue_breaks_a_session() {
        // P12
        replay("socket", super::socket);
    }

    #[test]
    fn no_kept_document_breaks_the_gate() {
        // P12
        replay("gate", super::gate);
    }

    #[test]
    fn no_kept_body_breaks_a_request() {
        // P12
        replay("body", super::body);
    }
}
