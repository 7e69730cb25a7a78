//! JSON as it is stored and compared: one text for one value, and one for a place in it.

use serde_json::Value;

/// The canonical text of a value (RFC 8785): sorted keys, no space, one spelling of each number.
/// Two values with the same text are the same value; the fingerprint of an idempotency key rests
/// on that (P14).
pub fn canonical(value: &Value) -> String {
    // The canonical form knows doubles only, and the API promises whole numbers exact to 64 bit:
    // one past 2^53 must not share a text with its neighbour.
    serde_json_canonicalizer::to_string(&exact(value)).unwrap_or_else(|_| value.to_string())
}

/// The largest whole number up to which a double is exact.
const EXACT_IN_DOUBLE: u64 = 1 << 53;

/// The value with whole numbers that a double cannot hold replaced by a tagged text.
fn exact(value: &Value) -> Value {
    match value {
        Value::Number(n) => {
            let magnitude = n.as_u64().or_else(|| n.as_i64().map(i64::unsigned_abs));
            match magnitude {
                Some(m) if m > EXACT_IN_DOUBLE => Value::String(format!("\u{0}int:{n}")),
                _ => value.clone(),
            }
        }
        Value::Array(items) => Value::Array(items.iter().map(exact).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| (key.clone(), exact(item))).collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// Lengthens a JSON Pointer by one name (RFC 6901, section 3).
pub fn push_pointer(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_one_text_and_unequal_ones_two() {
        assert_eq!(canonical(&json!({"b": 1.0, "a": [1]})), canonical(&json!({"a": [1], "b": 1})));
        assert_ne!(
            canonical(&json!(9_007_199_254_740_993_u64)),
            canonical(&json!(9_007_199_254_740_994_u64)),
        );
        assert_ne!(canonical(&json!("1")), canonical(&json!(1)));
    }

    #[test]
    fn a_pointer_finds_what_it_was_made_for() {
        let value = json!({"a/b": {"~1": {"": 7}}});
        let mut pointer = String::new();
        for name in ["a/b", "~1", ""] {
            push_pointer(&mut pointer, name);
        }
        assert_eq!(value.pointer(&pointer), Some(&json!(7)), "{pointer}");
    }
}
