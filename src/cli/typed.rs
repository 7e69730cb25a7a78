//! The line that somebody is completing: its words as they were typed, and the server that it names.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

use clap_complete::engine::complete;
use clap_complete::env::{Bash, EnvCompleter};

use super::Global;

/// Bash, whose words the library takes as they come: cut at each `:` and `=`, so that an address is five words, and a
/// candidate takes the place of what stands behind the last cut only.
pub(super) struct WholeWords;

impl EnvCompleter for WholeWords {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> Result<(), std::io::Error> {
        Bash.write_registration(var, name, bin, completer, buf)
    }

    fn write_complete(
        &self,
        cmd: &mut clap::Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> Result<(), std::io::Error> {
        let variable = |name| std::env::var(name).ok();
        let index = variable("_CLAP_COMPLETE_INDEX").and_then(|index| index.parse().ok());
        let Line { words, index, kept } = Line::of(&args, index.unwrap_or_default());
        let candidates = complete(cmd, words, index, current_dir)?;
        let values = candidates.iter().map(|candidate| candidate.get_value().to_string_lossy());
        let values: Vec<String> =
            values.map(|value| value.strip_prefix(&*kept).unwrap_or(&value).to_owned()).collect();
        let between = variable("_CLAP_IFS").unwrap_or_else(|| "\n".to_owned());
        buf.write_all(values.join(&between).as_bytes())
    }
}

/// What Bash had cut, whole again.
struct Line {
    words: Vec<OsString>,
    /// The word that is completed.
    index: usize,
    /// What stands of that word before its last cut.
    kept: String,
}

impl Line {
    fn of(args: &[OsString], at: usize) -> Self {
        let is_cut = |word: &OsStr| {
            !word.is_empty() && word.to_string_lossy().chars().all(|c| ":=".contains(c))
        };
        let (mut words, mut index, mut kept) = (Vec::<OsString>::new(), 0, String::new());
        for (number, word) in args.iter().enumerate() {
            let glued = number > 0 && (is_cut(word) || is_cut(&args[number - 1]));
            if !glued {
                words.push(OsString::new());
            }
            let last = words.last_mut().expect("the first word is never glued");
            if number == at {
                kept =
                    if is_cut(word) { String::new() } else { last.to_string_lossy().into_owned() };
            }
            last.push(word);
            if number == at {
                index = words.len() - 1;
            }
        }
        Self { words, index, kept }
    }
}

/// The options by which a line names its server, wherever they stand.
pub(super) fn global(arguments: &[OsString]) -> Global {
    let start = arguments.iter().position(|word| word == "--").map_or(0, |escape| escape + 1);
    let words = Line::of(&arguments[start..], 0).words;
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
    let mut global = Global { server: None, data: None, config: None, json: false };
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.into_owned(), None),
        };
        if !matches!(name.as_str(), "--server" | "--data" | "--config") {
            continue;
        }
        // The shell would have put the home folder in its place, but only where the word begins with it.
        let Some(value) = value.or_else(|| words.next().map(|word| at_home(&word))) else {
            break;
        };
        match name.as_str() {
            "--server" => global.server = Some(value),
            "--data" => global.data = Some(value.into()),
            _ => global.config = Some(value.into()),
        }
    }
    global
}

/// The path that a shell makes of `~` and what follows.
fn at_home(word: &str) -> String {
    let home = || Some(std::env::home_dir()?.to_string_lossy().into_owned());
    match word.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => home().map_or_else(|| word.to_owned(), |home| home + rest),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str], at: usize) -> (Vec<String>, usize, String) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let Line { words, index, kept } = Line::of(&words, at);
        (words.iter().map(|word| word.to_string_lossy().into_owned()).collect(), index, kept)
    }

    #[test]
    fn what_bash_cut_is_one_word_again() {
        let cut = ["longhaul", "--server", "http", ":", "//h", ":", "1", "cancel", "019"];
        let whole = ["longhaul", "--server", "http://h:1", "cancel", "019"];
        assert_eq!(line(&cut, 8), (whole.map(str::to_owned).to_vec(), 4, String::new()));
        let cut = ["longhaul", "list", "--kind", "=", "de"];
        let whole = ["longhaul", "list", "--kind=de"].map(str::to_owned).to_vec();
        assert_eq!(line(&cut, 4), (whole, 2, "--kind=".to_owned()));
        let whole = ["longhaul", "list", "--kind="].map(str::to_owned).to_vec();
        assert_eq!(line(&cut[..4], 3), (whole, 2, String::new()));
        let plain = ["longhaul", "run", ""];
        assert_eq!(line(&plain, 2), (plain.map(str::to_owned).to_vec(), 2, String::new()));
    }

    #[test]
    fn a_line_names_its_server_wherever_it_does() {
        let told = |words: &[&str]| {
            let words: Vec<_> = [&["longhaul", "--", "longhaul"], words].concat();
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let Global { server, data, config, .. } = global(&words);
            let text =
                |path: Option<std::path::PathBuf>| path.map(|path| path.display().to_string());
            [server, text(data), text(config)].map(Option::unwrap_or_default)
        };
        assert_eq!(
            told(&["run", "--server", "http", ":", "//h", ":", "1", ""]),
            ["http://h:1", "", ""]
        );
        assert_eq!(told(&["--data=d", "run", "--config", "=", "c", ""]), ["", "d", "c"]);
        let home = std::env::home_dir().unwrap().display().to_string();
        let at_home = ["run", "--data", "~", "--config", "~/c", ""];
        assert_eq!(told(&at_home), ["", home.as_str(), &format!("{home}/c")]);
        // No shell puts a folder in the place of these.
        assert_eq!(told(&["--data=~/d", "run", "--config", "~me/c", ""]), ["", "~/d", "~me/c"]);
        assert_eq!(told(&["run", "--server"]), ["", "", ""]);
        assert_eq!(told(&["run", "demo", "--", "--data", "d"]), ["", "", ""]);
    }
}
