//! Secrets that the host adds to what a script fetches. A script knows their names and nothing more.

use reqwest::header::{HeaderName, HeaderValue};

use super::origin::Origin;
use super::place::Place;
use super::request::check_header_name;
use crate::limits;

/// What a secret is for: all of it but the secret itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretUse {
    name: String,
    header: HeaderName,
    prefix: String,
    origins: Vec<Origin>,
}

/// A secret and what it is for. Its value is never shown, `{:?}` included.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchSecret {
    used: SecretUse,
    value: HeaderValue,
}

impl SecretUse {
    /// A secret of this name that goes in a header, behind a prefix such as `Bearer `, to these origins. An error says
    /// what is wrong and what would be right.
    pub fn new(name: &str, header: &str, prefix: &str, origins: Vec<Origin>) -> Result<Self, String> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        if name.is_empty() || name.len() > limits::TAG_BYTES || !name.bytes().all(plain) {
            return Err("its name has letters, digits, `-` and `_`, such as `weather`".to_owned());
        }
        let header = check_header_name(header)?;
        if HeaderValue::from_str(prefix).is_err() {
            return Err("`prefix` holds what no header can hold; an example is \"Bearer \"".to_owned());
        }
        if origins.is_empty() {
            return Err("`hosts` is empty: list the places that the secret is sent to".to_owned());
        }
        if let Some(open) = origins.iter().find(|origin| origin.is_open()) {
            return Err(format!("`hosts` names {open}: a secret goes over https only, or to an IP address"));
        }
        Ok(Self { name: name.to_owned(), header, prefix: prefix.to_owned(), origins })
    }

    /// With the secret itself.
    pub fn with(self, secret: &str) -> Result<FetchSecret, &'static str> {
        if secret.is_empty() {
            return Err("it is empty");
        }
        let value = HeaderValue::from_str(&format!("{}{secret}", self.prefix));
        let mut value = value.map_err(|_| "it holds what no header can hold, such as a line end")?;
        // Nothing that prints a request prints it.
        value.set_sensitive(true);
        Ok(FetchSecret { used: self, value })
    }
}

impl FetchSecret {
    /// What scripts call it.
    pub fn name(&self) -> &str {
        &self.used.name
    }

    pub(super) fn is_for(&self, place: &Place) -> bool {
        self.used.origins.iter().any(|origin| origin.holds(place))
    }

    pub(super) fn header(&self) -> (&HeaderName, &HeaderValue) {
        (&self.used.header, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(origin: &str) -> Vec<Origin> {
        vec![origin.parse().unwrap()]
    }

    #[test]
    fn a_secret_is_never_shown() {
        let used =
            SecretUse::new("weather", "Authorization", "Bearer ", origins("https://example.com")).unwrap();
        let secret = used.with("Tr0ub4dor").unwrap();
        assert!(!format!("{secret:?}").contains("Tr0ub4dor"), "{secret:?}");
        assert_eq!(secret.header().1, "Bearer Tr0ub4dor");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (name, header, prefix, origin, why) in [
            ("", "authorization", "", "https://a.test", "its name"),
            ("a b", "authorization", "", "https://a.test", "its name"),
            ("a", "host", "", "https://a.test", "the host's own"),
            ("a", "x y", "", "https://a.test", "no name of a header"),
            ("a", "authorization", "a\r\nb: c", "https://a.test", "`prefix`"),
            ("a", "authorization", "", "http://a.test", "https only"),
        ] {
            let error = SecretUse::new(name, header, prefix, origins(origin)).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(SecretUse::new("a", "x-key", "", Vec::new()).unwrap_err().contains("`hosts` is empty"));
        assert!(SecretUse::new("a", "x-key", "", origins("http://127.0.0.1:8080")).is_ok());
        for secret in ["", "a\nb", "a\0b"] {
            let used = SecretUse::new("a", "x-key", "", origins("https://a.test")).unwrap();
            assert!(used.with(secret).is_err(), "{secret:?}");
        }
    }
}
