//! The token that a command shows, from its environment: an argument would be seen by every process of
//! the machine.

use std::fmt;
use std::path::Path;

use reqwest::header::HeaderValue;

use super::ClientError;

/// The token itself.
const VARIABLE: &str = "LONGHAUL_TOKEN";
/// A file that holds it.
const FILE_VARIABLE: &str = "LONGHAUL_TOKEN_FILE";

/// A token to show.
#[derive(Clone)]
pub(in crate::cli) struct Credentials(String);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// What the environment gives; `None`: nothing.
    pub(in crate::cli) fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ClientError> {
        let given = |name: &str| variable(name).filter(|text| !text.is_empty());
        if let Some(token) = given(VARIABLE) {
            return Self::read(&token, VARIABLE).map(Some);
        }
        let Some(file) = given(FILE_VARIABLE) else { return Ok(None) };
        let text = std::fs::read_to_string(Path::new(&file)).map_err(|error| {
            ClientError::BadToken(format!(
                "{FILE_VARIABLE} names `{file}`, which cannot be read: {error}"
            ))
        })?;
        Self::read(&text, &format!("the file `{file}` of {FILE_VARIABLE}")).map(Some)
    }

    fn read(text: &str, whence: &str) -> Result<Self, ClientError> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            // Without the text: it may be a secret all the same.
            let message = format!("{whence} holds no token: expected one line like `lh_…`");
            return Err(ClientError::BadToken(message));
        }
        Ok(Self(token.to_owned()))
    }

    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .expect("it was read as printable ASCII");
        value.set_sensitive(true);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_a_variable_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "lh_file\n").unwrap();
        let file = file.to_str().unwrap().to_owned();
        let shown = |pairs: &[(&str, &str)]| {
            let find = |name: &str| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let found = Credentials::of_environment(find).map_err(|error| error.to_string())?;
            Ok::<_, String>(found.map(|token| token.header().to_str().unwrap().to_owned()))
        };
        assert_eq!(shown(&[]), Ok(None));
        assert_eq!(shown(&[(VARIABLE, "")]), Ok(None));
        assert_eq!(shown(&[(FILE_VARIABLE, &file)]), Ok(Some("Bearer lh_file".to_owned())));
        let both = [(VARIABLE, " lh_x "), (FILE_VARIABLE, file.as_str())];
        assert_eq!(shown(&both), Ok(Some("Bearer lh_x".to_owned())));
        let error = shown(&[(FILE_VARIABLE, "/nowhere/token")]).unwrap_err();
        assert!(
            error.contains("LONGHAUL_TOKEN_FILE names `/nowhere/token`, which cannot"),
            "{error}"
        );
        let error = shown(&[(VARIABLE, "lh secret")]).unwrap_err();
        assert!(error.contains("holds no token") && !error.contains("secret"), "{error}");
    }
}
