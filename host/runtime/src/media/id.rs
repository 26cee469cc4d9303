//! What media are called: `@crypt_5e8967c8_e6…:43`, the form of web WeChat's ids. The digits are the SHA-256 of the
//! bytes, so an id is the same after a restart and for everybody who brings the same file.

use std::fmt;
use std::str::FromStr;

use mynah_model::media_kind::MediaKind;
use sha2::{Digest, Sha256};

use super::MediaError;

/// The SHA-256 of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// 64 lower case hexadecimal digits and nothing else.
    fn of_hex(digits: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, place) in hash.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// That of a file in the folder: 64 digits, a dot and an ending.
    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        Self::of_hex(name.split_once('.')?.0)
    }

    /// The file that says what is known of the one with these bytes.
    pub(super) fn about_name(self) -> String {
        format!("{self}{}", super::folder::ABOUT)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An id as callers give it: the kind may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediaId {
    pub(super) hash: Hash,
    pub(super) kind: Option<MediaKind>,
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.hash.to_string();
        let (first, rest) = digits.split_at(8);
        write!(f, "@crypt_{first}_{rest}")?;
        self.kind.map_or(Ok(()), |kind| write!(f, ":{}", kind.number()))
    }
}

impl FromStr for MediaId {
    type Err = MediaError;

    fn from_str(text: &str) -> Result<Self, MediaError> {
        let read = || {
            let rest = text.strip_prefix("@crypt_")?;
            let (digits, kind) = match rest.split_once(':') {
                Some((digits, number)) => (digits, Some(MediaKind::of_number(number.parse().ok()?)?)),
                None => (rest, None),
            };
            let (first, rest) = digits.split_once('_')?;
            let hash = Hash::of_hex(&format!("{first}{rest}")).filter(|_| first.len() == 8)?;
            Some(Self { hash, kind })
        };
        read().ok_or_else(|| MediaError::bad_id(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        let id = MediaId { hash: Hash::of(b"x"), kind: Some(MediaKind::Video) };
        let text = id.to_string();
        assert!(text.starts_with("@crypt_2d711642_b726b04401627ca9") && text.ends_with(":43"), "{text}");
        assert_eq!(text.parse(), Ok(id));
        let bare = text.trim_end_matches(":43");
        assert_eq!(bare.parse(), Ok(MediaId { kind: None, ..id }));
        for wrong in [
            "",
            "@crypt_",
            "2273934420223351581",
            "@crypt_5e8967c8_e637847b7d0b00xxxxxxcb82:43",
            &format!("{bare}:"),
            &format!("{bare}:7"),
            &format!("{bare}:-3"),
            &format!("{bare}:3:3"),
            &bare.to_uppercase(),
            &bare.replace("2d711642_", "2d71_1642"),
            &format!("{bare}0"),
            &bare.replace('b', "é"),
        ] {
            assert!(wrong.parse::<MediaId>().is_err(), "{wrong}");
        }
    }
}
