//! The configuration, read from real files.

mod errors;
mod example;
mod keys;
mod schema;
mod show;
mod sources;

use std::path::PathBuf;

use longhaul::config::{Config, ConfigError, Environment, Overrides};
use tempfile::TempDir;

/// A home folder and a configuration file in it.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    /// A home whose file, named by `--config` only, says this.
    pub(crate) fn with(source: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("longhaul.toml"), source).unwrap();
        Self { dir }
    }

    /// A path below it.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn overrides(&self) -> Overrides {
        Overrides { config: Some(self.path("longhaul.toml")), ..Overrides::default() }
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.overrides(), &self.environment([]))
    }

    /// Its own variables and some more.
    fn environment<const N: usize>(&self, more: [(&str, &str); N]) -> Environment {
        let home = self.dir.path().to_str().unwrap();
        let path = std::env::var("PATH").unwrap();
        Environment::of([("HOME", home), ("PATH", &path)]).and(more)
    }

    /// What is wrong with the file, with its name made short.
    fn error(&self) -> String {
        let error = self.load().unwrap_err().to_string();
        error.replace(&format!("{}/", self.dir.path().display()), "")
    }
}
