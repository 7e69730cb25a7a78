//! A command's environment on its way to the shim: bytes as the kernel keeps them, `NAME=value` and
//! a zero byte for each variable.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One variable: its name and its value.
pub type Variable = (OsString, OsString);

/// The variables as they are written. An error names the first one that no process can have.
pub fn encode(variables: &[Variable]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        let has = |text: &OsStr, byte| text.as_bytes().contains(&byte);
        if name.is_empty() || has(name, b'=') || has(name, 0) || has(value, 0) {
            // Not the value: it may be a secret.
            let why = format!("the variable `{}` holds what no variable can", name.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            bytes.extend_from_slice(part);
        }
    }
    Ok(bytes)
}

/// The variables as they were written; what is none is passed by.
pub fn decode(bytes: &[u8]) -> Vec<Variable> {
    let own = |part: &[u8]| OsString::from_vec(part.to_vec());
    let entries = bytes.split(|&byte| byte == 0);
    let parts = entries.filter_map(|entry| {
        let equals = entry.iter().position(|&byte| byte == b'=')?;
        Some((own(&entry[..equals]), own(&entry[equals + 1..])))
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_read_back_whatever_bytes_they_hold() {
        let variables = vec![
            (OsString::from("EMPTY"), OsString::new()),
            (OsString::from("EQUAL"), OsString::from("a=b\nc")),
            (OsString::from("BYTES"), OsString::from_vec(vec![0xff, b' '])),
        ];
        assert_eq!(decode(&encode(&variables).unwrap()), variables);
        assert_eq!(decode(b""), []);
    }

    #[test]
    fn what_no_process_can_have_is_refused_without_its_value() {
        for (name, value) in [("", "a"), ("A=B", "a"), ("A\0", "a"), ("A", "swordfish\0")] {
            let error = encode(&[(name.into(), value.into())]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
            assert!(!error.contains("swordfish"), "{error}");
        }
    }
}
