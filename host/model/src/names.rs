//! What things are called. Each name is checked where it enters and needs no check after that.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that does not follow its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{given}` is not valid: {rule}")]
pub struct NameError {
    /// What was to be named.
    pub what: &'static str,
    /// The text that was given.
    pub given: String,
    /// The rule, as a sentence fragment.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError { what: $what, given: text.chars().take(80).collect(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of an account: the `client` of the Openqq API. It becomes part of file names, hence the rule.
    AccountName,
    "account name",
    "1 to 64 letters, digits, `_` or `-`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
);

name!(
    /// The name of a script: the stem of its file in the scripts folder.
    ScriptName,
    "script name",
    "1 to 64 lower case letters, digits or `-`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

name!(
    /// The name of a key of the HTTP API: what the audit calls its holder.
    KeyName,
    "key name",
    "1 to 64 letters, digits, `_` or `-`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
);

/// The number of an event: one counter for the whole host, increasing over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an [`Act`](crate::action::Act): one counter for the whole host, increasing over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActNumber(pub u64);

impl fmt::Display for ActNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One loaded version of a script: the sha256 of its bytes. Shown by its first 12 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId(pub [u8; 32]);

impl ReleaseId {
    /// All 64 hex digits.
    pub fn hex(&self) -> String {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut text = String::with_capacity(2 * self.0.len());
        let halves = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        text.extend(halves.filter_map(|half| DIGITS.get(usize::from(half))));
        text
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> String {
        id.hex()
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let mut bytes = [0u8; 32];
        let digits = text.as_bytes().chunks_exact(2);
        let wrong =
            || NameError { what: "release", given: text.chars().take(80).collect(), rule: "64 hex digits" };
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for bad in ["", "..", "a/b", "a\\b", "a b", "ä", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad:?}");
        }
        assert!("QQ_1-a".parse::<AccountName>().is_ok());
    }

    #[test]
    fn a_script_name_is_lower_case_so_that_file_systems_agree_on_it() {
        assert!("group-guard".parse::<ScriptName>().is_ok());
        assert!("Group-Guard".parse::<ScriptName>().is_err());
        assert!("guest_ping".parse::<ScriptName>().is_err());
    }

    #[test]
    fn a_release_survives_its_text_form() {
        let id = ReleaseId(std::array::from_fn(|place| (place * 37 % 256) as u8));
        assert!(id.hex().starts_with("00254a6f94b9de03284d"), "{}", id.hex());
        assert_eq!(ReleaseId::try_from(id.hex()), Ok(id));
        let id = ReleaseId([0xab; 32]);
        assert_eq!(id.to_string(), "abababababab");
        assert!(ReleaseId::try_from("ab".to_owned()).is_err());
        assert!(ReleaseId::try_from("é".repeat(32)).is_err());
    }
}
