//! Keys: who may call, which parts of the API, and for which accounts.
//!
//! Without keys everybody who reaches the host may do everything; with keys every request needs one. A secret is
//! never shown: not by `Debug`, not in an error.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use mynah_model::names::{AccountName, KeyName};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::settings::{SECRET_LEAST, SECRET_MOST};

/// A part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `/openqq/*`
    Openqq,
    /// `/openwx/*`
    Openwx,
    /// Everything else but `/healthz` and `/readyz`.
    Admin,
}

impl Scope {
    /// Every part with the word that the configuration has for it.
    pub const NAMES: [(&'static str, Self); 3] =
        [("openqq", Self::Openqq), ("openwx", Self::Openwx), ("admin", Self::Admin)];

    /// The word that the configuration has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openqq => "openqq",
            Self::Openwx => "openwx",
            Self::Admin => "admin",
        }
    }

    /// The part that a path belongs to; `None` is what everybody may ask: whether the host is alive and ready.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let is_below = |prefix| {
            path.strip_prefix(prefix).is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('/'))
        };
        match path {
            "/healthz" | "/readyz" => None,
            _ if is_below("/openqq") => Some(Self::Openqq),
            _ if is_below("/openwx") => Some(Self::Openwx),
            _ => Some(Self::Admin),
        }
    }
}

/// Some parts of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every part.
    pub fn all() -> Self {
        Scope::NAMES.iter().map(|(_, scope)| *scope).collect()
    }

    /// What a key is for that says nothing of it: the APIs, not the administration.
    pub fn of_callers() -> Self {
        [Scope::Openqq, Scope::Openwx].into_iter().collect()
    }

    /// Whether this part is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(scope: Scope) -> u8 {
        1 << scope as u8
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// So few characters can be guessed.
    #[error(
        "the secret has {0} characters: at least {SECRET_LEAST} are needed; `openssl rand -hex 32` makes a good one"
    )]
    SecretShort(usize),
    /// So many do not fit a header.
    #[error("the secret has {0} characters: at most {SECRET_MOST} are taken")]
    SecretLong(usize),
    /// It cannot stand in a header.
    #[error("the secret may hold visible ASCII characters only, so that it can stand in a header")]
    SecretCharacter,
    /// Two keys have one name.
    #[error("there are two keys named `{0}`")]
    TwoNames(KeyName),
    /// Nobody could say which of the two acted.
    #[error("the keys `{0}` and `{1}` have the same secret")]
    TwoSecrets(KeyName, KeyName),
}

/// What only the holder of a key knows.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes visible ASCII of a length that cannot be guessed.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let length = text.chars().count();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::SecretCharacter);
        }
        match length {
            ..SECRET_LEAST => Err(KeyError::SecretShort(length)),
            SECRET_LEAST..=SECRET_MOST => Ok(Self(text.into())),
            _ => Err(KeyError::SecretLong(length)),
        }
    }

    /// Whether a text is the secret. How long that takes says nothing of how much of it is right: digests of one
    /// length are compared, to their ends.
    fn matches(&self, given: &str) -> Choice {
        let digest = |text: &str| Sha256::digest(text);
        digest(&self.0).as_slice().ct_eq(digest(given).as_slice())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A key.
#[derive(Debug, Clone)]
pub struct Key {
    /// What the audit calls its holder.
    pub name: KeyName,
    /// What its holder shows, or signs with.
    pub secret: Secret,
    /// What it is for.
    pub scopes: Scopes,
    /// For which accounts; `None` is for all.
    pub accounts: Option<BTreeSet<AccountName>>,
    /// Whether its holder may sign `send_*` as callers of the original did, with md5.
    pub legacy_signature: bool,
}

impl Key {
    /// Whether it is for this account.
    pub(crate) fn is_for(&self, account: &AccountName) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }
}

/// All keys of a host.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<[Arc<Key>]>);

impl Keys {
    /// Keys that can be told apart.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyError> {
        for (at, key) in keys.iter().enumerate() {
            for other in keys.iter().take(at) {
                if other.name == key.name {
                    return Err(KeyError::TwoNames(key.name.clone()));
                }
                if other.secret.0 == key.secret.0 {
                    return Err(KeyError::TwoSecrets(other.name.clone(), key.name.clone()));
                }
            }
        }
        Ok(Self(keys.into_iter().map(Arc::new).collect()))
    }

    /// Whether there is none: then nobody needs one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.0.iter()
    }

    /// The key of a secret. All are compared, whichever it is.
    pub(crate) fn of_secret(&self, given: &str) -> Option<&Arc<Key>> {
        self.find(|key| key.secret.matches(given))
    }

    /// The key that something holds for. All are asked, whichever it is.
    pub(crate) fn find(&self, mut holds: impl FnMut(&Key) -> Choice) -> Option<&Arc<Key>> {
        self.iter().fold(None, |found, key| if bool::from(holds(key)) { Some(key) } else { found })
    }

    /// The key of a name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Key>> {
        self.iter().find(|key| key.name.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, secret: &str) -> Key {
        Key {
            name: name.parse().unwrap(),
            secret: Secret::new(secret).unwrap(),
            scopes: Scopes::of_callers(),
            accounts: None,
            legacy_signature: false,
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_or_not_sent_is_refused_and_never_shown() {
        for (secret, expected) in [
            (String::new(), KeyError::SecretShort(0)),
            ("x".repeat(15), KeyError::SecretShort(15)),
            ("x".repeat(1025), KeyError::SecretLong(1025)),
            ("has a space in its text".into(), KeyError::SecretCharacter),
            ("密钥密钥密钥密钥密钥密钥密钥密钥".into(), KeyError::SecretCharacter),
            ("line\nline\nline\nline".into(), KeyError::SecretCharacter),
        ] {
            let error = Secret::new(&secret).unwrap_err();
            assert_eq!(error, expected);
            assert!(secret.is_empty() || !error.to_string().contains(&secret), "{error}");
        }
        let key = key("a", "0123456789abcdef");
        assert!(!format!("{key:?}").contains("0123456789abcdef"), "{key:?}");
    }

    #[test]
    fn a_secret_is_the_whole_text_and_nothing_else() {
        let keys =
            Keys::new(vec![key("first", "0123456789abcdef"), key("second", "0123456789abcdeF")]).unwrap();
        let named = |secret: &str| keys.of_secret(secret).map(|key| key.name.as_str());
        assert_eq!(named("0123456789abcdef"), Some("first"));
        assert_eq!(named("0123456789abcdeF"), Some("second"));
        for near in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdef\0", "1123456789abcdef"] {
            assert_eq!(named(near), None, "{near:?}");
        }
    }

    #[test]
    fn secrets_are_compared_in_constant_time_and_all_of_them() {
        let keys = Keys::new(vec![key("a", "0123456789abcdef"), key("b", "fedcba9876543210")]).unwrap();
        let mut asked = 0;
        let found = keys.find(|key| {
            asked += 1;
            // `Choice` is what comparisons of `subtle` give, which look at every byte.
            key.secret.matches("0123456789abcdef")
        });
        assert_eq!((found.unwrap().name.as_str(), asked), ("a", 2));
    }

    #[test]
    fn keys_must_be_told_apart() {
        let same_name = Keys::new(vec![key("a", "0123456789abcdef"), key("a", "fedcba9876543210")]);
        assert_eq!(same_name.unwrap_err(), KeyError::TwoNames("a".parse().unwrap()));
        let same_secret = Keys::new(vec![key("a", "0123456789abcdef"), key("b", "0123456789abcdef")]);
        let error = same_secret.unwrap_err().to_string();
        assert!(!error.contains("0123456789abcdef") && error.contains("`a` and `b`"), "{error}");
    }

    #[test]
    fn every_path_belongs_to_a_part_and_only_health_is_open() {
        for (path, expected) in [
            ("/openqq/get_user_info", Some(Scope::Openqq)),
            ("/openqq", Some(Scope::Openqq)),
            ("/openwx/", Some(Scope::Openwx)),
            ("/openqqx", Some(Scope::Admin)),
            ("/openqq%2Fget_user_info", Some(Scope::Admin)),
            ("//openqq/x", Some(Scope::Admin)),
            ("/api/v1/accounts", Some(Scope::Admin)),
            ("/metrics", Some(Scope::Admin)),
            ("/", Some(Scope::Admin)),
            ("", Some(Scope::Admin)),
            ("/healthz/", Some(Scope::Admin)),
            ("/healthz", None),
            ("/readyz", None),
        ] {
            assert_eq!(Scope::of_path(path), expected, "{path}");
        }
        let scopes = Scopes::of_callers();
        assert!(scopes.contains(Scope::Openqq) && !scopes.contains(Scope::Admin) && !scopes.is_empty());
    }
}
