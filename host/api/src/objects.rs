//! Objects of the compatible APIs: a table says which fields each has and what JSON type each field is, and an
//! answer is built by it.
//!
//! The fields of the table always stand in an answer: text that is not known is empty, a number that is not known
//! is null. What else a network tells of a person or group follows under its own name.

use mynah_model::Attrs;
use serde_json::{Map, Value};

/// The largest whole number that every JSON reader carries exactly: 2^53.
const EXACT: u64 = 1 << 53;

/// What JSON type a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// A string.
    Text,
    /// A number; a string if it is no whole number up to 2^53, null if it is not known.
    Number,
    /// A string, null if it is not known.
    TextOrNull,
    /// A list of these objects.
    List(&'static Object),
}

/// A field of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub json: JsonType,
}

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field that is a string.
pub(crate) const fn text(name: &'static str) -> Field {
    Field { name, json: JsonType::Text }
}

/// A field that is a number.
pub(crate) const fn number(name: &'static str) -> Field {
    Field { name, json: JsonType::Number }
}

/// A message id as the answers of send_* give it: a number if it is one that every reader carries exactly.
pub(crate) fn message_id(id: Option<&str>) -> Value {
    as_number(id.map_or(Value::Null, Value::from))
}

/// A scalar of an object as the text that a parameter would hold; `None` for lists and objects.
pub(crate) fn as_parameter(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar_text(scalar)),
    }
}

/// What a network tells of something beyond what the model has fields for.
pub(crate) fn attributes(attrs: &Attrs) -> Map<String, Value> {
    attrs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A field of the model stands above an attribute of the same name.
pub(crate) fn set(known: &mut Map<String, Value>, name: &str, value: Option<impl Into<String>>) {
    if let Some(value) = value {
        known.insert(name.to_owned(), Value::String(value.into()));
    }
}

/// An object by its table; `known` are its fields, whatever their types.
pub(crate) fn build(object: &Object, mut known: Map<String, Value>) -> Value {
    for field in object.fields {
        if let Some(value) = typed(field.json, known.remove(field.name)) {
            known.insert(field.name.to_owned(), value);
        }
    }
    Value::Object(known)
}

/// A value as this type. `None` is a list that is left out.
pub(crate) fn typed(json: JsonType, value: Option<Value>) -> Option<Value> {
    let text = |value: Option<Value>| value.as_ref().map(scalar_text).unwrap_or_default();
    match json {
        JsonType::Text => Some(Value::String(text(value))),
        JsonType::TextOrNull => Some(Some(text(value)).filter(|text| !text.is_empty()).into()),
        JsonType::Number => Some(as_number(value.unwrap_or_default())),
        // Absent in the objects that leave their members out.
        JsonType::List(_) => value,
    }
}

fn as_number(value: Value) -> Value {
    let digits = scalar_text(&value);
    match digits.parse::<u64>() {
        Ok(number) if number <= EXACT && number.to_string() == digits => number.into(),
        _ if digits.is_empty() => Value::Null,
        _ => digits.into(),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "1".into(),
        Value::Bool(false) => "0".into(),
        other => other.to_string(),
    }
}

/// Whether a value is what the table says of its object.
#[cfg(test)]
pub(crate) fn follows(value: &Value, object: &Object) -> bool {
    let fits = |value: &Value, json| match json {
        JsonType::Text => value.is_string(),
        JsonType::Number => value.is_u64() || value.is_null() || value.is_string(),
        JsonType::TextOrNull => value.is_string() || value.is_null(),
        JsonType::List(object) => {
            value.as_array().is_some_and(|list| list.iter().all(|item| follows(item, object)))
        }
    };
    object.fields.iter().all(|field| match (value.get(field.name), field.json) {
        (Some(value), json) => fits(value, json),
        // Left out where an object is shown without its members.
        (None, json) => matches!(json, JsonType::List(_)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_id_is_a_number_only_if_it_survives_as_one() {
        for (id, expected) in [
            (Some("23910327"), json!(23910327)),
            (Some("9007199254740992"), json!(9007199254740992u64)),
            (Some("9007199254740993"), json!("9007199254740993")),
            (Some("-5"), json!("-5")),
            (Some("007"), json!("007")),
            (Some("abc"), json!("abc")),
            (Some(""), Value::Null),
            (None, Value::Null),
        ] {
            assert_eq!(message_id(id), expected, "{id:?}");
        }
    }
}
