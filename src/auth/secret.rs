//! The text that a caller shows: `lh_`, the token's id, `_`, and 256 random bits. Its beginning lets
//! a scanner find one that was committed by mistake.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::clock::Timestamp;
use crate::domain::names::CallerName;
use crate::domain::token::{Scope, Token, TokenId};

/// What every token begins with.
pub const PREFIX: &str = "lh_";
/// Hexadecimal digits of the id, and of the secret.
const ID_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 64;

/// A token as its holder keeps it. Shown once, when it is made.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one of this id, made of 32 random bytes, and what is kept of it.
    pub(crate) fn new(id: TokenId, random: [u8; 32]) -> (Self, [u8; 32]) {
        (Self(format!("{PREFIX}{id}_{}", hex::encode(random))), hash(&random))
    }

    /// The text, for its holder alone.
    pub fn reveal(self) -> String {
        self.0
    }
}

/// A token that is to be made: all but its id and its secret.
#[derive(Debug)]
pub struct Wanted {
    /// Whose it will be.
    pub name: CallerName,
    /// What it will be for, as [judged](crate::domain::token::scopes).
    pub scopes: Vec<Scope>,
    /// The token that it will be a share of.
    pub parent: Option<TokenId>,
    /// From then on it will be worth nothing.
    pub expires_at: Option<Timestamp>,
}

impl Wanted {
    /// The token as it is kept, and its secret.
    pub fn make(self, now: Timestamp, by: Option<&CallerName>) -> (Token, Secret) {
        let Self { name, scopes, parent, expires_at } = self;
        let id = TokenId::new(rand::random());
        let (secret, hash) = Secret::new(id, rand::random());
        let token = Token {
            id,
            name,
            scopes,
            hash,
            created_at: now,
            created_by: by.cloned(),
            parent,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        (token, secret)
    }
}

/// The id that a text names, and what would be kept of its secret; `None`: it is no token.
pub(super) fn read(text: &str) -> Option<(TokenId, [u8; 32])> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    if id.len() != ID_DIGITS || secret.len() != SECRET_DIGITS {
        return None;
    }
    let mut bytes = [0; SECRET_DIGITS / 2];
    hex::decode_to_slice(secret, &mut bytes).ok()?;
    Some((id.parse().ok()?, hash(&bytes)))
}

/// A plain hash is enough: nobody tries out 256 random bits.
fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_back_as_its_id_and_its_hash() {
        let id = TokenId::new([7; 8]);
        let (secret, kept) = Secret::new(id, [9; 32]);
        assert!(!format!("{secret:?}").contains("0909"), "{secret:?}");
        let text = secret.reveal();
        assert_eq!(text.len(), 3 + 16 + 1 + 64);
        assert_eq!(read(&text), Some((id, kept)));
        assert_ne!(read(&text.replace("0909", "0908")), Some((id, kept)));
    }

    #[test]
    fn anything_else_is_no_token() {
        let (secret, _) = Secret::new(TokenId::new([7; 8]), [9; 32]);
        let text = secret.reveal();
        for wrong in [
            String::new(),
            "lh_".to_owned(),
            text[1..].to_owned(),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            text.to_uppercase(),
            text.replace("07_", "0x_"),
            format!("Bearer {text}"),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
