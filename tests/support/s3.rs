//! A real server that speaks S3 over real sockets and judges every signature: moto, in Python.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::deadline::within;

/// Who may use it: the id of a key, and its secret.
pub(crate) type Key = (String, String);

/// A running server with the bucket `longhaul`. It ends with this.
pub(crate) struct S3 {
    pub(crate) endpoint: String,
    /// May do everything.
    pub(crate) writer: Key,
    /// May only read and list.
    pub(crate) reader: Key,
    /// Its input is open as long as this lives.
    _child: Child,
}

impl S3 {
    pub(crate) async fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/python/bin/python");
        assert!(python.exists(), "there is no {}: `make test` makes it", python.display());
        let mut command = Command::new(python);
        command.arg(root.join("tests/support/s3.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = within("the S3 server", &"", said.next_line()).await.unwrap();
        let said = said.expect("it says where it is: does target/python have moto?");
        let words: Vec<String> = said.split(' ').map(str::to_owned).collect();
        let [endpoint, writer, secret_writer, reader, secret_reader] =
            <[String; 5]>::try_from(words).unwrap();
        Self {
            endpoint,
            writer: (writer, secret_writer),
            reader: (reader, secret_reader),
            _child: child,
        }
    }
}
