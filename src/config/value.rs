//! The values that a file, a variable and a flag write alike: each read by one strict function,
//! whose error says what would be valid.

use std::net::SocketAddr;
use std::time::Duration;

/// The most slots that a worker or a queue may have.
pub const MAX_SLOTS: u32 = 10_000;

/// What stands there is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Expected(pub String);

pub(super) fn expected<T>(what: &str) -> Result<T, Expected> {
    Err(Expected(what.to_owned()))
}

/// Reads a duration: a whole number and `ms`, `s`, `m` or `h`.
///
/// ```
/// # use longhaul::config::value::duration;
/// assert_eq!(duration("90s"), duration("90000ms"));
/// assert_eq!(duration("5 min").unwrap_err().to_string(),
///     "expected a duration like `500ms`, `30s`, `5m` or `2h`");
/// ```
pub fn duration(text: &str) -> Result<Duration, Expected> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis_of_one: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return expected("a duration like `500ms`, `30s`, `5m` or `2h`"),
    };
    // Milliseconds are stored as signed 64 bit numbers; ten years are long enough for a job.
    match number.parse::<u64>().ok().and_then(|n| n.checked_mul(millis_of_one)) {
        Some(millis) if millis <= 87_600 * 3_600_000 => Ok(Duration::from_millis(millis)),
        Some(_) | None => {
            expected("a duration like `500ms`, `30s`, `5m` or `2h`, at most `87600h`")
        }
    }
}

/// Reads a duration that is not zero.
pub fn positive_duration(text: &str) -> Result<Duration, Expected> {
    match duration(text)? {
        Duration::ZERO => expected("a duration of at least `1ms`"),
        duration => Ok(duration),
    }
}

/// Writes a duration as [`duration`] reads it, in its largest whole unit.
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        m if m % 3_600_000 == 0 => format!("{}h", m / 3_600_000),
        m if m % 60_000 == 0 => format!("{}m", m / 60_000),
        m if m % 1_000 == 0 => format!("{}s", m / 1_000),
        m => format!("{m}ms"),
    }
}

/// Reads an address to listen on. Names are refused: what they stand for can change.
pub fn listen(text: &str) -> Result<SocketAddr, Expected> {
    text.parse()
        .or_else(|_| expected("an IP address and a port, like `127.0.0.1:8080` or `[::1]:8080`"))
}

/// What the name of a kind or a queue is.
pub(super) fn name() -> Expected {
    Expected("a name of a-z, A-Z, 0-9, `_`, `-` and `.`".to_owned())
}

/// Reads a worker's number of slots.
pub fn slots(text: &str) -> Result<u32, Expected> {
    match text.replace('_', "").parse() {
        Ok(slots @ 1..=MAX_SLOTS) => Ok(slots),
        Ok(_) | Err(_) => expected("a whole number from 1 to 10,000"),
    }
}

/// Reads what is on or off.
pub fn boolean(text: &str) -> Result<bool, Expected> {
    text.parse().or(expected("true or false"))
}

/// Reads the name of a worker: what a machine may call itself, and more.
pub fn worker_name(text: &str) -> Result<String, Expected> {
    let good = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
    if good { Ok(text.to_owned()) } else { expected("a name of 1 to 255 bytes on one line") }
}

/// Reads an origin as a browser sends it: a scheme, a host and perhaps a port.
pub fn origin(text: &str) -> Result<String, Expected> {
    let text = text.to_ascii_lowercase();
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(allowed_host) {
        Some(Ok(_)) => Ok(text),
        Some(Err(_)) | None => {
            expected("an origin as a browser sends it, like `http://localhost:5173`: no path")
        }
    }
}

/// Reads the name of a host, perhaps with a port.
pub fn allowed_host(text: &str) -> Result<String, Expected> {
    let text = text.to_ascii_lowercase();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (text.as_str(), None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let good_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(plain),
    };
    if good_host && port.is_none_or(|port| port.parse::<u16>().is_ok()) {
        Ok(text)
    } else {
        expected("the name of a host, like `jobs.example.org` or `jobs.example.org:8080`")
    }
}

/// A whole number with commas, as messages show it.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        let millis = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(
            ["500ms", "30s", "5m", "2h", "0s", "87600h"].map(|t| millis(t).unwrap()),
            [500, 30_000, 300_000, 7_200_000, 0, 315_360_000_000]
        );
        for bad in ["", "30", "s", "-1s", "1.5h", "1h30m", " 1s", "1 s", "1S", "1d", "87601h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(positive_duration("0ms").is_err());
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["0s", "1ms", "1500ms", "90s", "5m", "36h"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn hosts_and_origins_are_plain() {
        for good in ["localhost", "a.b-c:80", "[::1]", "[::1]:8080", "127.0.0.1:1"] {
            assert!(allowed_host(good).is_ok(), "{good}");
            assert!(origin(&format!("https://{good}")).is_ok(), "{good}");
        }
        for bad in ["", "*", "a/b", "a:x", "http://a", "a:99999", "[::z]", ":80"] {
            assert!(allowed_host(bad).is_err(), "{bad}");
        }
        for bad in ["localhost", "ftp://a", "http://a/", "http://", "*", "null"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_worker_has_a_name_on_one_line() {
        for good in ["host", "rack 4, ü", &"n".repeat(255)] {
            assert_eq!(worker_name(good).as_deref(), Ok(good));
        }
        for bad in ["", "a\nb", &"n".repeat(256)] {
            assert!(worker_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567, -1_000].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-1,000"]
        );
    }
}
