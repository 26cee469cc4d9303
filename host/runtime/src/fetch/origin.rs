//! Where a script may fetch from: `scheme://host` or `scheme://host:port`, as it stands in `fetch` in mynah.toml.

use std::fmt;
use std::str::FromStr;

use url::Host;

use super::place::{Place, Reach};
use crate::limits;

/// What is right, for the end of an error.
const RIGHT: &str =
    "write it as \"https://api.example.com\", \"http://127.0.0.1:8080\" or \"https://*.example.com\"";

/// A scheme, a host and a port: everything behind it, whatever the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    encrypted: bool,
    host: Hosts,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    One(Host),
    /// All names under this one, which begins with a dot; not the name itself.
    Under(String),
}

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}; {RIGHT}")]
pub struct OriginError {
    why: String,
}

impl Origin {
    /// Whether a URL leads there.
    pub(super) fn holds(&self, place: &Place) -> bool {
        let host = match (&self.host, place.host()) {
            (Hosts::One(host), other) => host == other,
            (Hosts::Under(end), Host::Domain(name)) => name.len() > end.len() && name.ends_with(end.as_str()),
            (Hosts::Under(_), _) => false,
        };
        host && self.encrypted == place.is_encrypted() && self.port == place.port()
    }

    /// Whether what is sent there can be read on its way. An address of this machine or its network is taken for safe:
    /// whoever writes it knows the way.
    pub fn is_open(&self) -> bool {
        !self.encrypted && !self.is_address()
    }

    /// Whether it is an IP address.
    pub(super) fn is_address(&self) -> bool {
        matches!(self.host, Hosts::One(Host::Ipv4(_) | Host::Ipv6(_)))
    }

    /// Whether it stands for more than one host.
    pub fn is_pattern(&self) -> bool {
        matches!(self.host, Hosts::Under(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.encrypted { ("https", 443) } else { ("http", 80) };
        match &self.host {
            Hosts::One(host) => write!(f, "{scheme}://{host}")?,
            Hosts::Under(end) => write!(f, "{scheme}://*{end}")?,
        }
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = |why: &str| OriginError { why: why.to_owned() };
        if text.len() > limits::FETCH_ORIGIN_BYTES {
            return Err(wrong("it is longer than the name of a host"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (encrypted, usual) = match scheme {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(wrong("only http and https are fetched")),
        };
        if rest.contains('@') {
            return Err(wrong("it holds a user name or password: give those as a secret"));
        }
        if rest.contains(['/', '\\', '?', '#']) {
            return Err(wrong("it goes on after the host: the whole host is granted, without a path"));
        }
        let (host, port) = split_port(rest).ok_or_else(|| wrong("its port is no number from 1 to 65535"))?;
        let host = match host.strip_prefix('*') {
            Some(end) => Hosts::Under(read_end(end).map_err(wrong)?),
            None => Hosts::One(read_host(host).map_err(|why| OriginError { why })?),
        };
        Ok(Self { encrypted, host, port: port.unwrap_or(usual) })
    }
}

/// Host and port; `None` if what follows the host is no port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    // The colons within brackets belong to the address.
    let end = text.rfind(']').map_or(0, |end| end + 1);
    let (in_brackets, after) = text.split_at_checked(end)?;
    let Some(colon) = after.find(':') else { return Some((text, None)) };
    let (name, digits) = after.split_at_checked(colon)?;
    let digits = digits.strip_prefix(':').filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()))?;
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    let host = if end == 0 { name } else { in_brackets };
    Some((host, Some(port)))
}

fn read_end(end: &str) -> Result<String, &'static str> {
    let name = end.strip_prefix('.').ok_or("`*` stands for whole labels, before a dot")?;
    match Host::parse(name) {
        Ok(Host::Domain(name)) if name.contains('.') && is_plain(&name) => Ok(format!(".{name}")),
        Ok(Host::Domain(_)) if !name.contains('*') => Err("a `*` needs at least two labels after it"),
        _ => Err("what follows `*.` is no name"),
    }
}

fn read_host(text: &str) -> Result<Host, String> {
    match Host::parse(text) {
        Ok(Host::Domain(name)) if text.contains('*') || name.contains('*') => {
            Err("`*` stands only at the beginning of a name, as a whole label".to_owned())
        }
        Ok(Host::Domain(name)) if !is_plain(&name) => Err("its host is no plain name".to_owned()),
        Ok(Host::Ipv4(address)) if address.to_string() != text => {
            Err(format!("its host is another way to write {address}; write it plainly"))
        }
        Ok(Host::Ipv6(address)) if carries_ipv4(&address) => {
            Err(format!("{address} carries an IPv4 address; write that one"))
        }
        Ok(host) => Ok(host),
        Err(error) => Err(format!("its host is none: {error}")),
    }
}

/// Letters, digits, `-` and `_` between single dots, and no dot at the end, which would make it another name.
fn is_plain(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    name.split('.').all(label)
}

/// IPv4-mapped, IPv4-compatible, NAT64, 6to4 and Teredo addresses lead to an IPv4 address that nobody sees in them.
fn carries_ipv4(address: &std::net::Ipv6Addr) -> bool {
    super::address::not_public((*address).into()).is_some_and(|why| why.starts_with("an IPv4 address"))
}

/// A place that a script may fetch from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedOrigin {
    /// The place.
    pub origin: Origin,
    /// Whether it may lead to an address that is not public. One that is an address itself is meant as it is written.
    pub private: bool,
}

impl GrantedOrigin {
    pub(super) fn reach(&self) -> Reach {
        if self.private || self.origin.is_address() { Reach::Private } else { Reach::Granted }
    }
}

impl From<Origin> for GrantedOrigin {
    fn from(origin: Origin) -> Self {
        Self { origin, private: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.Example.com:443", "https://api.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("https://*.example.com", "https://*.example.com"),
            ("https://*.example.com:8443", "https://*.example.com:8443"),
            ("http://localhost", "http://localhost"),
            ("https://例子.测试", "https://xn--fsqu00a.xn--0zwm56d"),
        ] {
            assert_eq!(
                text.parse::<Origin>().map(|origin| origin.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_would_be_right() {
        for (text, why) in [
            ("", "no scheme"),
            ("api.example.com", "no scheme"),
            ("*", "no scheme"),
            ("ftp://example.com", "only http and https"),
            ("HTTPS://example.com", "only http and https"),
            ("https://", "its host is none"),
            ("https://example.com/", "without a path"),
            ("https://example.com/v1", "without a path"),
            ("https://example.com?a", "without a path"),
            ("https://example.com#a", "without a path"),
            ("https://example.com\\@evil.test", "user name"),
            ("https://user@example.com", "user name"),
            ("https://user:secret@example.com", "user name"),
            ("https://example.com:", "port"),
            ("https://example.com:0", "port"),
            ("https://example.com:65536", "port"),
            ("https://example.com:+80", "port"),
            ("https://example.com:80:80", "port"),
            ("http://0x7f.1", "another way to write 127.0.0.1"),
            ("http://2130706433", "another way to write 127.0.0.1"),
            ("http://0177.0.0.1", "another way to write 127.0.0.1"),
            ("http://127.1", "another way to write 127.0.0.1"),
            ("http://[::ffff:127.0.0.1]", "carries an IPv4 address"),
            ("http://[64:ff9b::7f00:1]", "carries an IPv4 address"),
            ("http://[2002:7f00:1::]", "carries an IPv4 address"),
            ("http://::1", "port"),
            ("http://[::1", "port"),
            ("http://[::1]x", "its host is none"),
            ("https://example.com.", "no plain name"),
            ("https://a..b", "no plain name"),
            ("https://*", "whole labels"),
            ("https://*.com", "at least two labels"),
            ("https://*example.com", "whole labels"),
            ("https://*.*.example.com", "no name"),
            ("https://api.*.com", "only at the beginning"),
            ("https://*.127.0.0.1", "no name"),
            ("https://exa mple.com", "its host is none"),
            ("https://a,https://b", "without a path"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(why) && error.ends_with(RIGHT), "{text}: {error}");
        }
        assert!(format!("https://{}.com", "a.".repeat(200)).parse::<Origin>().is_err());
    }

    #[test]
    fn an_origin_holds_what_has_its_scheme_host_and_port_and_nothing_else() {
        for (origin, url, holds) in [
            ("https://example.com", "https://example.com/a?b#c", true),
            ("https://example.com", "https://EXAMPLE.com:443/", true),
            ("https://example.com", "http://example.com/", false),
            ("https://example.com", "https://example.com:8443/", false),
            ("https://example.com", "https://a.example.com/", false),
            ("https://example.com", "https://example.com./", false),
            ("https://example.com", "https://example.com.evil.test/", false),
            ("https://*.example.com", "https://a.example.com/", true),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://evilexample.com/", false),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", true),
            ("http://127.0.0.1:8080", "http://localhost:8080/", false),
            ("http://[::1]:8080", "http://[::1]:8080/", true),
        ] {
            let place = Place::parse(url).unwrap();
            assert_eq!(origin.parse::<Origin>().unwrap().holds(&place), holds, "{origin} {url}");
        }
    }
}
