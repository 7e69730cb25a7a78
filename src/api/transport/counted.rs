//! Answers that count as under way until all of them is on its way: a log is read as its client takes
//! it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::callers::UnderWay;
use super::sse;

/// A body, and what is under way until it is dropped.
struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl UnderWay {
    /// Keeps it until the answer's body is taken. A stream has begun now, and that was all that counted.
    pub(super) fn until_taken(self, answer: Response) -> Response {
        let is_stream = answer.headers().get(CONTENT_TYPE).is_some_and(|ty| ty == sse::MEDIA);
        if is_stream {
            return answer;
        }
        answer.map(|body| Body::new(Counted { body, _under_way: self }))
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::StatusCode;
    use futures::stream;

    use crate::api::transport::answer;
    use crate::api::transport::callers::{Asker, Callers};
    use crate::domain::limits::Limits;

    use super::*;

    #[test]
    fn a_body_that_is_not_taken_is_under_way_and_a_stream_is_not() {
        // P12
        let callers = Callers::new(&Limits { requests_at_once: 1, ..Limits::default() });
        let account = callers.account(Asker::at([127, 0, 0, 1].into()));
        for (media, counts) in [("text/plain", true), (sse::MEDIA, false)] {
            let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
            let answer = account.admit().unwrap().until_taken(answer(media, StatusCode::OK, body));
            assert_eq!(account.admit().is_err(), counts, "{media}");
            drop(answer);
        }
        let exact = answer("text/plain", StatusCode::OK, "12345");
        let exact = account.admit().unwrap().until_taken(exact);
        assert_eq!(exact.body().size_hint().exact(), Some(5), "its length is told");
    }
}
