//! The files that `build.rs` put into the binary.

/// The pages of a binary: those that were built into it, or none.
#[derive(Debug, Clone, Copy)]
pub struct Pages {
    files: &'static [File],
}

/// One file, compressed.
#[derive(Debug)]
pub(super) struct File {
    /// Its path below the root, like `/assets/main-4f2a.js`.
    pub(super) path: &'static str,
    /// Its type.
    pub(super) media: &'static str,
    /// Changes with its content: hexadecimal digits.
    pub(super) tag: &'static str,
    /// Its content.
    pub(super) gzip: &'static [u8],
}

impl Pages {
    /// What this binary was built with; nothing where `web/dist` was not there.
    pub fn embedded() -> Self {
        Self { files: include!(concat!(env!("OUT_DIR"), "/pages.rs")) }
    }

    /// No pages: `/` says how to get them.
    pub fn none() -> Self {
        Self { files: &[] }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.files.is_empty()
    }

    #[cfg(test)]
    pub(super) fn of(files: &'static [File]) -> Self {
        Self { files }
    }

    pub(super) fn file(self, path: &str) -> Option<&'static File> {
        self.files.iter().find(|file| file.path == path)
    }
}
