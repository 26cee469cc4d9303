//! Signed calls: the holder of a key proves to have it without showing it, for one call and for a short time.
//!
//! A signature covers the method, the path and every parameter, so it is of no use for another call. It is the
//! HMAC-SHA256, in hexadecimal, of this text with the key's secret: the method, the path, and for each parameter but
//! `sign`, in the order of the bytes of their names, the name and the value; each of these with its length in bytes
//! and a `:` before it. `sign_key` names the key, `exp` says until when (unix seconds); both are parameters like any
//! other, so they are signed too.
//!
//! The original's signature covers less, see [`is_legacy_of`].

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::keys::Secret;
use crate::params::Params;
use crate::settings::SIGNATURE_AHEAD;

/// The parameter that holds a signature.
pub(crate) const SIGN: &str = "sign";

/// The parameter that names the key which signed.
pub(crate) const SIGN_KEY: &str = "sign_key";

/// The parameter that says until when a signature holds, unix seconds.
pub(crate) const EXP: &str = "exp";

/// What the original's callers sign, in this order.
const LEGACY: [&str; 5] = ["id", "gid", "did", "content", EXP];

/// What is wrong with when a signature ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untimely {
    /// There is no `exp`, or it is no number.
    #[error("a signed call needs `exp`, the unix time in seconds until which the signature holds")]
    Missing,
    /// It has passed.
    #[error("`exp` has passed: the signature no longer holds")]
    Expired,
    /// It is so far ahead that the signature would be as good as the secret.
    #[error("`exp` is too far ahead: at most {SIGNATURE_AHEAD} s from now")]
    FarAhead,
}

/// Refuses signatures that no longer hold, or would hold for too long.
pub(crate) fn check_time(params: &Params, now_seconds: i64) -> Result<(), Untimely> {
    let text = params.get(EXP).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let exp: i64 = text.and_then(|text| text.parse().ok()).ok_or(Untimely::Missing)?;
    match exp.saturating_sub(now_seconds) {
        ..=0 => Err(Untimely::Expired),
        1..=SIGNATURE_AHEAD => Ok(()),
        _ => Err(Untimely::FarAhead),
    }
}

/// Whether a call was signed with this secret.
pub(crate) fn is_of(secret: &Secret, method: &str, path: &str, params: &Params, sign: &str) -> Choice {
    let parameters = params.iter().filter(|(name, _)| *name != SIGN);
    let parts = [method, path].into_iter().chain(parameters.flat_map(|(name, value)| [name, value]));
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.bytes()) else {
        return Choice::from(0);
    };
    for part in parts {
        mac.update(format!("{}:", part.len()).as_bytes());
        mac.update(part.as_bytes());
    }
    is_hex_of(sign, &mac.finalize().into_bytes())
}

/// Whether a call was signed as callers of the original do: the md5 of the secret and the values of `id`, `gid`,
/// `did`, `content` and `exp`, one after the other. It says neither what was called nor where one value ends, so
/// it holds for little else than what was meant, and only where the operator asks for it.
pub(crate) fn is_legacy_of(secret: &Secret, params: &Params, sign: &str) -> Choice {
    let mut digest = Md5::new_with_prefix(secret.bytes());
    for name in LEGACY {
        digest.update(params.get(name).unwrap_or_default());
    }
    is_hex_of(sign, &digest.finalize())
}

/// The first parameter that the original's signature does not cover.
pub(crate) fn unsigned_by_legacy(params: &Params) -> Option<&str> {
    params.iter().map(|(name, _)| name).find(|name| *name != SIGN && !LEGACY.contains(name))
}

fn is_hex_of(given: &str, bytes: &[u8]) -> Choice {
    let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    expected.as_bytes().ct_eq(given.to_ascii_lowercase().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("0123456789abcdef").unwrap()
    }

    fn holds(method: &str, path: &str, query: &str, sign: &str) -> bool {
        is_of(&secret(), method, path, &Params::of_query(query).unwrap(), sign).into()
    }

    /// Made with Python: `hmac.new(b"0123456789abcdef", text, "sha256").hexdigest()` of
    /// `3:GET27:/openqq/send_friend_message7:content6:你好3:exp10:15000000002:id2:428:sign_key3:bot`.
    const SIGN_OF_HELLO: &str = "b4cc570cd68e44d37582ee3b0a387ab888f3b469ed11b5c95baa56e8157c209a";
    const HELLO: &str = "id=42&content=%E4%BD%A0%E5%A5%BD&exp=1500000000&sign_key=bot";

    #[test]
    fn a_signature_holds_for_the_call_that_was_signed_and_for_no_other() {
        let path = "/openqq/send_friend_message";
        assert!(holds("GET", path, HELLO, SIGN_OF_HELLO));
        assert!(holds("GET", path, &format!("{HELLO}&sign={SIGN_OF_HELLO}"), &SIGN_OF_HELLO.to_uppercase()));
        let cut = &SIGN_OF_HELLO[..63];
        for (method, path, query, sign) in [
            ("POST", path, HELLO.to_owned(), SIGN_OF_HELLO),
            ("GET", "/openqq/send_group_message", HELLO.to_owned(), SIGN_OF_HELLO),
            ("GET", path, format!("{HELLO}&async=1"), SIGN_OF_HELLO),
            ("GET", path, format!("{HELLO}&id=43"), SIGN_OF_HELLO),
            ("GET", path, HELLO.replace("bot", "other"), SIGN_OF_HELLO),
            ("GET", path, HELLO.replace("exp=15", "exp=16"), SIGN_OF_HELLO),
            ("GET", path, HELLO.to_owned(), ""),
            ("GET", path, HELLO.to_owned(), cut),
        ] {
            assert!(!holds(method, path, &query, sign), "{method} {path} {query} {sign}");
        }
    }

    #[test]
    fn what_stands_in_one_value_cannot_be_taken_for_another() {
        let path = "/openqq/send_friend_message";
        for query in [
            HELLO.replace("&exp=", "3%3Aexp"),
            HELLO.replace("id=42&content=", "id=4&content=2"),
            HELLO.replace("id=42", "i=d42"),
        ] {
            assert!(!holds("GET", path, &query, SIGN_OF_HELLO), "{query}");
        }
    }

    #[test]
    fn a_signature_ends_and_not_too_late() {
        let now = 1_500_000_000;
        for (query, expected) in [
            ("exp=1500000001", Ok(())),
            ("exp=1500000900", Ok(())),
            ("exp=1500000901", Err(Untimely::FarAhead)),
            ("exp=9223372036854775807", Err(Untimely::FarAhead)),
            ("exp=1500000000", Err(Untimely::Expired)),
            ("exp=0", Err(Untimely::Expired)),
            ("exp=-1", Err(Untimely::Missing)),
            ("exp=%2B1500000001", Err(Untimely::Missing)),
            ("exp=99999999999999999999", Err(Untimely::Missing)),
            ("exp=", Err(Untimely::Missing)),
            ("", Err(Untimely::Missing)),
        ] {
            assert_eq!(check_time(&Params::of_query(query).unwrap(), now), expected, "{query}");
        }
    }

    #[test]
    fn the_originals_signature_covers_five_parameters() {
        // printf '%s' 0123456789abcdef42hello1500000000 | md5sum
        let sign = "73610951ccae4ce33b621bc73b7bfeb4";
        let params = Params::of_query("id=42&content=hello&exp=1500000000").unwrap();
        assert!(bool::from(is_legacy_of(&secret(), &params, sign)));
        assert_eq!(unsigned_by_legacy(&params), None);
        let changed = Params::of_query("id=43&content=hello&exp=1500000000").unwrap();
        assert!(!bool::from(is_legacy_of(&secret(), &changed, sign)));
        for added in ["uid", "client", "async", "sign_key"] {
            let params = Params::of_query(&format!("id=42&content=hello&exp=1&{added}=1")).unwrap();
            assert_eq!(unsigned_by_legacy(&params), Some(added));
        }
    }
}
