//! A child that watches over what a test started: it is told what to do by lines, answers each by one, and ends
//! all of it with its input, which the kernel closes when the run does, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// It, with what it says.
pub(crate) struct Watch(Mutex<(Child, BufReader<ChildStdout>)>);

impl Watch {
    /// Starts it, out of reach of a Ctrl-C that is for the run; an error is why it cannot be started.
    pub(crate) fn begin(command: &mut Command) -> std::io::Result<Self> {
        let command = command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let said = BufReader::new(child.stdout.take().unwrap());
        Ok(Self(Mutex::new((child, said))))
    }

    /// The next line; none: it ended.
    pub(crate) fn hear(&self) -> String {
        hear(&mut self.0.lock().unwrap().1)
    }

    /// Has it do something; what it answers. One order at a time.
    pub(crate) fn order(&self, order: &str) -> String {
        let (child, said) = &mut *self.0.lock().unwrap();
        child.stdin.as_mut().unwrap().write_all(format!("{order}\n").as_bytes()).unwrap();
        hear(said)
    }

    /// Waits for the end of one that says nothing more.
    pub(crate) fn ended(self) {
        self.0.into_inner().unwrap().0.wait().unwrap();
    }
}

fn hear(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
