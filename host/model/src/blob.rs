//! Bytes in JSON: text stands as it is, so that people can read it in the journal; anything else is
//! `{"base64": "..."}`. For `#[serde(with = "crate::blob")]`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Blob<'a> {
    Text(Cow<'a, str>),
    Binary { base64: Cow<'a, str> },
}

impl<'a> Blob<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Binary { base64: STANDARD.encode(bytes).into() },
        }
    }

    fn bytes<E: de::Error>(self) -> Result<Vec<u8>, E> {
        match self {
            Self::Text(text) => Ok(text.into_owned().into_bytes()),
            Self::Binary { base64 } => STANDARD.decode(base64.as_ref()).map_err(E::custom),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    Blob::of(bytes).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Blob::deserialize(deserializer)?.bytes()
}

/// The same for bytes that may be absent: `null`.
pub(crate) mod optional {
    use super::{Blob, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(Blob::of).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<Blob<'_>>::deserialize(deserializer)?.map(Blob::bytes).transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Letter {
        #[serde(with = "crate::blob")]
        body: Vec<u8>,
        #[serde(with = "crate::blob::optional")]
        also: Option<Vec<u8>>,
    }

    #[test]
    fn text_stays_readable_and_other_bytes_come_back_whole() {
        for (body, also, expected) in [
            ("北京: 晴".as_bytes(), None, json!({ "body": "北京: 晴", "also": null })),
            (&[0, 159, 255], Some(vec![]), json!({ "body": { "base64": "AJ//" }, "also": "" })),
            (b"{\"a\":1}", Some(vec![254]), json!({ "body": "{\"a\":1}", "also": { "base64": "/g==" } })),
        ] {
            let letter = Letter { body: body.to_vec(), also };
            let written = serde_json::to_value(&letter).unwrap();
            assert_eq!(written, expected);
            assert_eq!(serde_json::from_value::<Letter>(written).unwrap(), letter);
        }
        assert!(
            serde_json::from_value::<Letter>(json!({ "body": { "base64": "?" }, "also": null })).is_err()
        );
    }
}
