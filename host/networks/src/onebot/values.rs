//! Values as implementations send them: numbers as text, text as numbers, null or anything else for nothing.
//!
//! No value is an error here. What needs one says so when it is not there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::limits;

/// A text; numbers and booleans count as their text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, if there is one.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, if there is one and it is not empty.
    pub(super) fn filled(&self) -> Option<&str> {
        self.get().filter(|text| !text.is_empty())
    }

    /// The text; empty if there is none.
    pub(super) fn or_empty(&self) -> &str {
        self.get().unwrap_or_default()
    }

    /// A copy of what somebody or something is called, if there is one and it is not empty; no more of it than names have.
    pub(super) fn name(&self) -> Option<String> {
        self.filled().map(|text| text.chars().take(limits::NAME_CHARS).collect())
    }

    /// A copy, if there is one and it is not empty.
    pub(super) fn owned(&self) -> Option<String> {
        self.filled().map(str::to_owned)
    }
}

/// A whole number; its text counts as the number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<i64>);

impl Number {
    /// The number as an id: there is none that is zero or less.
    pub(super) fn id(self) -> Option<i64> {
        self.0.filter(|id| *id > 0)
    }
}

/// What JSON a part of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Json {
    Text,
    List,
    Object,
    /// A number, a boolean or null.
    Plain,
}

/// What JSON this is.
pub(super) fn json_of(raw: &RawValue) -> Json {
    match raw.get().as_bytes().first() {
        Some(b'"') => Json::Text,
        Some(b'[') => Json::List,
        Some(b'{') => Json::Object,
        _ => Json::Plain,
    }
}

/// An object read leniently: the default if it is not one.
pub(super) fn object<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    let object = raw.filter(|raw| json_of(raw) == Json::Object);
    object.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// The items of a list, each as it stands; none if it is not one.
pub(super) fn list(raw: Option<&RawValue>) -> Vec<&RawValue> {
    let list = raw.filter(|raw| json_of(raw) == Json::List);
    list.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(if value { "true" } else { "false" }))))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        // JavaScript writes whole numbers of any size without a point; a fraction is no number here.
        Ok(Self(text.get().and_then(|text| text.trim().parse().ok())))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Sample<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Number,
    }

    fn text(json: &str) -> Option<String> {
        let json = format!(r#"{{"text":{json}}}"#);
        serde_json::from_str::<Sample<'_>>(&json).unwrap().text.get().map(str::to_owned)
    }

    fn number(json: &str) -> Option<i64> {
        let json = format!(r#"{{"number":{json}}}"#);
        serde_json::from_str::<Sample<'_>>(&json).unwrap().number.0
    }

    #[test]
    fn text_may_be_a_number_and_nothing_else_is_an_error() {
        assert_eq!(text(r#""a\nb""#).as_deref(), Some("a\nb"));
        assert_eq!(text("-7").as_deref(), Some("-7"));
        assert_eq!(text("true").as_deref(), Some("true"));
        for nothing in ["null", "[1,[2]]", r#"{"a":{"b":1}}"#] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let json = format!(r#"{{"text":{deep}}}"#);
        // Refused or skipped, but not by running out of stack.
        let _ = serde_json::from_str::<Sample<'_>>(&json).is_ok();
    }

    #[test]
    fn a_number_may_be_a_text_and_what_is_no_whole_number_is_none() {
        assert_eq!(number("-13"), Some(-13));
        assert_eq!(number(r#"" 10001 ""#), Some(10001));
        assert_eq!(number("9007199254740993"), Some(9_007_199_254_740_993));
        for none in ["null", r#""abc==""#, "1.5", "{}", "18446744073709551615", r#""""#] {
            assert_eq!(number(none), None, "{none}");
        }
        assert_eq!(Number(Some(0)).id(), None);
    }
}
