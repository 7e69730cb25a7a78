//! Where things lie: the XDG folders of the configuration and the data, and what a relative path
//! in a file begins with.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The variables of a process, taken once, so that a test can give others.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Only these.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// These and some more; of two with one name the later counts.
    #[must_use]
    pub fn and<const N: usize>(mut self, more: [(&str, &str); N]) -> Self {
        self.0.extend(Self::of(more).0);
        self
    }

    /// The value of a variable; one that is empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// `$XDG_CONFIG_HOME/longhaul/longhaul.toml`, by default below `~/.config`.
    pub fn default_file(&self) -> Option<PathBuf> {
        Some(self.xdg("XDG_CONFIG_HOME", ".config")?.join("longhaul/longhaul.toml"))
    }

    /// `$XDG_DATA_HOME/longhaul`, by default below `~/.local/share`.
    pub(super) fn default_data(&self) -> Option<PathBuf> {
        Some(self.xdg("XDG_DATA_HOME", ".local/share")?.join("longhaul"))
    }

    fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        // The XDG specification: a relative path there is to be ignored.
        let absolute = |path: &OsStr| Some(PathBuf::from(path)).filter(|p| p.is_absolute());
        self.get(variable)
            .and_then(absolute)
            .or_else(|| Some(absolute(self.get("HOME")?)?.join(below_home)))
    }

    /// The file that `name`, which has no slash, starts.
    fn find_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.get("PATH")?;
        std::env::split_paths(path).map(|dir| dir.join(name)).find(|file| is_program(file))
    }
}

impl std::fmt::Debug for Environment {
    /// Without values: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What relative paths and programs of a file begin with.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// The folder of the file.
    pub(super) dir: PathBuf,
    /// What the program `longhaul` of the built-in kinds stands for: this very binary.
    pub(super) own_program: Option<PathBuf>,
}

impl Base {
    /// The program of a command, absolute where it is a path.
    pub(super) fn program(&self, text: &str) -> String {
        match &self.own_program {
            Some(own) if text == "longhaul" => own.to_string_lossy().into_owned(),
            _ if text.contains('/') => self.dir.join(text).to_string_lossy().into_owned(),
            _ => text.to_owned(),
        }
    }
}

/// Why `program` cannot be started now, as a fragment; `None` where it can.
pub(super) fn why_not_startable(program: &str, environment: &Environment) -> Option<&'static str> {
    let path = Path::new(program);
    if !program.contains('/') {
        return environment.find_program(program).is_none().then_some("is not found in PATH");
    }
    if is_program(path) {
        None
    } else if path.exists() {
        Some("may not be executed")
    } else {
        Some("does not exist")
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}
