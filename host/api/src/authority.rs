//! Where a request says it goes: the `host[:port]` of a `Host` header, a request line or an origin.

use std::net::Ipv6Addr;

/// A host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Lower case, without a dot at its end; IPv6 in its brackets.
    pub(crate) host: String,
    /// The port, if one is given.
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Reads `host[:port]`; `None` if it is anything else, user names included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = if text.starts_with('[') {
            let end = text.find(']')? + 1;
            (text.get(..end)?, text.get(end..)?)
        } else {
            text.split_at(text.find(':').unwrap_or(text.len()))
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let valid = if host.starts_with('[') {
            is_ipv6_literal(&host)
        } else {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        valid.then_some(Self { host, port })
    }

    /// Whether the host is a name that always means this machine: `localhost` and names below it.
    pub(crate) fn is_loopback_name(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }

    /// Whether the host is an address and not a name, in any of the ways that browsers and libc read:
    /// `127.0.0.1`, `127.1`, `0x7f000001`, `[::1]`. An address cannot be made to point elsewhere.
    pub(crate) fn is_ip_literal(&self) -> bool {
        is_ipv6_literal(&self.host) || is_ipv4_literal(&self.host)
    }

    /// Whether both name the same host and port, a port left out being that of `scheme`.
    pub(crate) fn is_same(&self, other: &Self, scheme: Scheme) -> bool {
        let port = |authority: &Self| authority.port.unwrap_or(scheme.port());
        self.host == other.host && port(self) == port(other)
    }
}

/// How a page was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Reads an `Origin` header: `scheme://host[:port]`. `null`, other schemes and anything else are `None`.
pub(crate) fn parse_origin(text: &str) -> Option<(Scheme, Authority)> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    Some((scheme, Authority::parse(rest)?))
}

fn is_ipv6_literal(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// One to four numbers, decimal, octal (`0…`) or hexadecimal (`0x…`); the last fills the bytes that are left.
fn is_ipv4_literal(host: &str) -> bool {
    let number = |part: &str| {
        if let Some(digits) = part.strip_prefix("0x") {
            // `0x` alone is a zero to browsers.
            if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 16).ok() }
        } else if part.len() > 1 && part.starts_with('0') {
            u64::from_str_radix(part, 8).ok()
        } else {
            part.parse().ok()
        }
    };
    let parts: Option<Vec<u64>> = host.split('.').map(number).collect();
    match parts.as_deref().and_then(<[u64]>::split_last) {
        Some((last, first)) if first.len() < 4 => {
            let bits = 32 - 8 * first.len() as u32;
            first.iter().all(|part| *part < 256) && *last < 1u64 << bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_in_every_spelling_and_names_are_not_taken_for_them() {
        for literal in [
            "127.0.0.1",
            "127.0.0.1:5000",
            "127.1",
            "127.1:3000",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "192.168.1.2:80",
            "127.0.0.1.",
            "[::1]",
            "[::1]:5000",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(Authority::parse(literal).unwrap().is_ip_literal(), "{literal}");
        }
        for name in [
            "localhost",
            "evil.com",
            "127.0.0.1.evil.com",
            "1.2.3.4.5",
            "256.1.1.1",
            "127.0.0.256",
            "0xzz",
            "a.1",
        ] {
            assert!(!Authority::parse(name).unwrap().is_ip_literal(), "{name}");
        }
    }

    #[test]
    fn what_is_no_host_and_port_is_refused() {
        for bad in [
            "",
            ":80",
            ".",
            "user@localhost",
            "localhost:80:80",
            "localhost:x",
            "localhost:+80",
            "localhost:70000",
            "[::1",
            "[::1]x",
            "[evil]",
            "::1",
            "local host",
            "a/b",
            "é",
        ] {
            assert_eq!(Authority::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_localhost_and_names_below_it_are_loopback_names() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:5000", true),
            ("localhost.", true),
            ("mynah.localhost", true),
            ("localhost.evil.com", false),
            ("notlocalhost", false),
        ] {
            assert_eq!(Authority::parse(host).unwrap().is_loopback_name(), expected, "{host}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        let (scheme, origin) = parse_origin("http://localhost").unwrap();
        assert!(origin.is_same(&Authority::parse("localhost:80").unwrap(), scheme));
        assert!(!origin.is_same(&Authority::parse("localhost:5000").unwrap(), scheme));
        for bad in ["null", "file://", "chrome-extension://abc", "localhost", "http://a/b", ""] {
            assert!(parse_origin(bad).is_none(), "{bad}");
        }
    }
}
