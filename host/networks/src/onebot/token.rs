//! The secret that a peer and we share.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

/// An access token; printed by nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token(Option<Arc<str>>);

/// A text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 1 to 1024 visible ASCII characters, without spaces")]
pub struct TokenError;

impl Token {
    /// No token: the peer is open to everybody who reaches it.
    pub fn none() -> Self {
        Self(None)
    }

    /// A token, as it goes into an HTTP header.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > 1_024 || !visible(text) {
            return Err(TokenError);
        }
        Ok(Self(Some(text.into())))
    }

    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Whether this is what somebody else gave, in a time that does not depend on where they differ. No token is nobody's.
    pub(super) fn is(&self, given: &str) -> bool {
        self.0.as_ref().is_some_and(|token| token.as_bytes().ct_eq(given.as_bytes()).into())
    }

    /// The text, for a header.
    pub(super) fn secret(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Token(..)" } else { "Token(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_printed_and_fits_a_header() {
        let token = Token::new("s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert!(token.is("s3cret") && !token.is("s3cre") && !token.is("") && !Token::none().is(""));
        for bad in ["", "a b", "a\r\nX: y", "é", "\u{7f}"] {
            assert_eq!(Token::new(bad), Err(TokenError), "{bad:?}");
        }
    }
}
