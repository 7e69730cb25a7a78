//! Which answers are compressed, and for whom.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::{Server, serve};

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

async fn ask(server: &Server, query: &str, headers: &[(&str, &str)]) -> Response {
    let url = format!("http://{}/graphql", server.address);
    let request = Client::new().post(url).json(&json!({ "query": query }));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_answer_is_compressed_for_who_takes_it() {
    let server = serve().await;
    let large = "{ large(bytes: 5000) }";
    let answer = ask(&server, large, &[GZIP]).await;
    assert_eq!(header(&answer, "content-encoding"), Some("gzip"));
    assert_eq!(header(&answer, "vary"), Some("accept-encoding"));
    let bytes = answer.bytes().await.unwrap();
    assert!(bytes.len() < 500, "{} bytes", bytes.len());
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["data"]["large"].as_str().unwrap().len(), 5_000);
    for wish in [&[][..], &[("accept-encoding", "br, zstd")], &[("accept-encoding", "gzip;q=0")]] {
        let answer = ask(&server, large, wish).await;
        assert_eq!(header(&answer, "content-encoding"), None, "{wish:?}");
        assert_eq!(header(&answer, "vary"), Some("accept-encoding"), "{wish:?}");
        assert!(answer.content_length().is_some_and(|length| length > 5_000), "{wish:?}");
    }
}

#[tokio::test]
async fn what_is_small_or_a_stream_goes_out_as_it_is() {
    let server = serve().await;
    // `{"data":{"large":"…"}}` is 21 bytes beside the text.
    for (bytes, coding) in [(1_002, None), (1_003, Some("gzip"))] {
        let answer = ask(&server, &format!("{{ large(bytes: {bytes}) }}"), &[GZIP]).await;
        assert_eq!(header(&answer, "content-encoding"), coding, "{bytes}");
    }
    let events = ("accept", "text/event-stream");
    let mut stream = ask(&server, "subscription { flood }", &[GZIP, events]).await;
    assert_eq!(header(&stream, "content-encoding"), None);
    let piece = stream.chunk().await.unwrap().unwrap();
    assert!(piece.starts_with(b"event: next\n"), "{piece:?}");
}
