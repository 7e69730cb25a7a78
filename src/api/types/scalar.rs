//! The scalars that are ours, and their checks for the gate.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use chrono::{DateTime as ChronoDateTime, Datelike, SecondsFormat, Utc};

use crate::api::transport::gate::ScalarCheck;
use crate::domain::clock::{Timestamp, to_millis};

/// The largest whole number that every JSON reader keeps exact.
const MAX_LONG: i64 = 1 << 53;

/// An instant as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) Timestamp);

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json(pub(crate) serde_json::Value);

/// A position, as `cursor` makes and reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) String);

/// A whole number that JSON readers keep exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Long(pub(crate) i64);

/// An instant: RFC 3339 in UTC with exactly three digits of milliseconds, like 2026-11-25T04:44:34.120Z.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        parse_date_time(&value).map(Self).map_err(InputValueError::custom)
    }

    fn is_valid(value: &Value) -> bool {
        parse_date_time(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Any JSON value. Whole numbers are exact to 64 bit, other numbers as doubles; the order of keys is kept.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        // Every JSON value is a GraphQL value.
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// An opaque position in one list, feed or log; a string. Never parse it; never use it for another list.
#[Scalar(name = "Cursor")]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        if let Value::String(text) = value {
            Ok(Self(text))
        } else {
            Err(InputValueError::expected_type(value))
        }
    }

    fn is_valid(value: &Value) -> bool {
        check_cursor(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A whole number from -(2^53) to 2^53, sent as a JSON number.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        parse_long(&value).map(Self).map_err(InputValueError::custom)
    }

    fn is_valid(value: &Value) -> bool {
        parse_long(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

impl Long {
    /// A count that may be larger than what JSON readers keep exact; shown as the most they do.
    pub(crate) fn of(count: impl TryInto<i64>) -> Self {
        Self(count.try_into().unwrap_or(MAX_LONG).min(MAX_LONG))
    }
}

fn parse_date_time(value: &Value) -> Result<Timestamp, String> {
    let expected = || "expected an instant like 2026-11-25T04:44:34.120Z (RFC 3339)".to_owned();
    let Value::String(text) = value else { return Err(expected()) };
    let at = ChronoDateTime::parse_from_rfc3339(text).map_err(|_| expected())?;
    let at = to_millis(at.with_timezone(&Utc));
    // An offset may lead out of the years that RFC 3339 can write.
    if (0..=9999).contains(&at.year()) { Ok(at) } else { Err(expected()) }
}

fn parse_long(value: &Value) -> Result<i64, String> {
    let expected = || "expected a whole number from -(2^53) to 2^53".to_owned();
    let Value::Number(number) = value else { return Err(expected()) };
    number.as_i64().filter(|n| (-MAX_LONG..=MAX_LONG).contains(n)).ok_or_else(expected)
}

fn check_cursor(value: &Value) -> Result<(), String> {
    match value {
        Value::String(_) => Ok(()),
        Value::Null
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_)
        | Value::List(_)
        | Value::Object(_) => Err("expected a cursor as it was given, a string".to_owned()),
    }
}

/// What the gate asks of values of these scalars.
pub(crate) fn checks() -> [(&'static str, ScalarCheck); 3] {
    [
        ("DateTime", |value| parse_date_time(value).map(drop)),
        ("Cursor", check_cursor),
        ("Long", |value| parse_long(value).map(drop)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_one_spelling_and_is_read_in_many() {
        for text in ["2026-11-25T04:44:34.120Z", "2026-11-25T05:44:34.1209+01:00"] {
            let at = DateTime::parse(Value::from(text)).unwrap();
            assert_eq!(at.to_value(), Value::from("2026-11-25T04:44:34.120Z"));
        }
        assert!(DateTime::parse(Value::from("9999-12-31T23:59:59Z")).is_ok());
        let whole = DateTime::parse(Value::from("2026-11-25T04:44:34Z")).unwrap();
        assert_eq!(whole.to_value(), Value::from("2026-11-25T04:44:34.000Z"));
        let past = ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"];
        for text in ["2026-11-25", "now", "2026-11-25T04:44:34"].into_iter().chain(past) {
            assert!(DateTime::parse(Value::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn long_ends_where_doubles_do() {
        assert!(Long::parse(Value::from(1_i64 << 53)).is_ok());
        assert!(Long::parse(Value::from((1_i64 << 53) + 1)).is_err());
        assert_eq!(Long::of(u64::MAX).0, 1 << 53);
    }

    #[test]
    fn json_keeps_whole_numbers_and_the_order_of_keys() {
        let text = r#"{"z":18446744073709551615,"a":[null,-1.5,"x"]}"#;
        let json = Json(serde_json::from_str(text).unwrap());
        let back = Json::parse(json.to_value()).unwrap();
        assert_eq!(back.0.to_string(), text);
    }
}
