//! Which URLs are fetched at all, before anything is resolved; and the places that the operator makes exceptions for.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::FetchError;
use crate::limits;

/// A place that is reached although it is not public, or at a port that the web does not use: `127.0.0.1:8080`,
/// `[::1]:8080`, `pictures.lan:80`. It is meant as it is written: `localhost:8080` is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPlace {
    host: Host,
    port: u16,
}

impl AllowedPlace {
    /// Whether a URL leads there.
    pub(super) fn is(&self, place: &Place) -> bool {
        self.port == place.port && self.host == place.host
    }
}

impl fmt::Display for AllowedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for AllowedPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right =
            "write a host and a port, such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"pictures.lan:80\"";
        let (host, port) = text.rsplit_once(':').ok_or(right)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(right)?;
        // `*` may stand in a name of the DNS, and means nothing more here.
        let host = Host::parse(host).ok().filter(|_| !host.contains('*')).ok_or(right)?;
        Ok(Self { host, port })
    }
}

/// How far a place may be reached; later ones are more than earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// At public addresses, and at ports that the web uses.
    Public,
    /// At public addresses, at any port: the operator named it.
    Granted,
    /// At any address and port.
    Private,
}

/// A URL that can be asked for, once its host's addresses are checked.
#[derive(Debug, Clone)]
pub(super) struct Place {
    url: Url,
    host: Host,
    port: u16,
}

impl Place {
    /// Reads what somebody gave.
    pub(super) fn parse(text: &str) -> Result<Self, FetchError> {
        check_length(text)?;
        let url = Url::parse(text).map_err(|error| {
            FetchError::Url(format!("{error}; write it as \"https://example.net/picture.png\""))
        })?;
        let place = Self::of(url)?;
        place.check_plain(text)?;
        Ok(place)
    }

    /// Where a redirect from here leads.
    pub(super) fn join(&self, location: &str) -> Result<Self, FetchError> {
        check_length(location)?;
        let url = self
            .url
            .join(location)
            .map_err(|error| FetchError::Url(format!("it leads to nowhere: {error}")))?;
        let next = Self::of(url)?;
        if next.host != self.host {
            next.check_plain(location)?;
        }
        if self.is_encrypted() && !next.is_encrypted() {
            return Err(FetchError::Url("it leads from https to http".to_owned()));
        }
        Ok(next)
    }

    fn of(mut url: Url) -> Result<Self, FetchError> {
        let wrong = |why: &str| Err(FetchError::Url(why.to_owned()));
        if !matches!(url.scheme(), "http" | "https") {
            return wrong("only http and https are fetched");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("it holds a user name or password; leave that out");
        }
        let Some(host) = url.host().map(|host| host.to_owned()) else { return wrong("it names no host") };
        let Some(port) = url.port_or_known_default().filter(|port| *port != 0) else {
            return wrong("it names no port that there is");
        };
        url.set_fragment(None);
        Ok(Self { url, host, port })
    }

    /// Refuses IPv4 addresses that are written as one number, in octal, in hexadecimal or with parts left out: nobody
    /// writes them so who means well.
    fn check_plain(&self, text: &str) -> Result<(), FetchError> {
        match &self.host {
            Host::Ipv4(address) if !text.contains(&address.to_string()) => {
                Err(FetchError::Url(format!("its host is another way to write {address}; write it plainly")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses ports that the web does not use: other services would take the request for something else.
    pub(super) fn check_port(&self) -> Result<(), FetchError> {
        if limits::FETCH_PORTS.contains(&self.port) {
            return Ok(());
        }
        Err(FetchError::Port { host: self.host.to_string(), port: self.port })
    }

    /// Scheme, host and port, as an operator would grant it.
    pub(super) fn origin(&self) -> String {
        let origin = self.url.origin();
        match origin.is_tuple() {
            true => origin.ascii_serialization(),
            false => self.to_string(),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn check_length(text: &str) -> Result<(), FetchError> {
    if text.len() > limits::URL_BYTES {
        return Err(FetchError::Url(format!("it has more than {} bytes", limits::URL_BYTES)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_the_web_are_urls_to_fetch() {
        for (text, expected) in [
            ("http://example.net/a.png", Ok("example.net:80")),
            ("HTTPS://Example.NET:8443/a b?c#d", Ok("example.net:8443")),
            ("http://8.8.8.8/", Ok("8.8.8.8:80")),
            ("http://[2606:4700::1]/", Ok("[2606:4700::1]:80")),
            ("http://例子.测试/图.png", Ok("xn--fsqu00a.xn--0zwm56d:80")),
            ("ftp://example.net/", Err("only http and https")),
            ("file:///etc/passwd", Err("only http and https")),
            ("javascript:alert(1)", Err("only http and https")),
            ("//example.net/", Err("relative URL")),
            ("http://", Err("empty host")),
            ("http:///", Err("empty host")),
            ("http://user@example.net/", Err("user name or password")),
            ("http://:secret@example.net/", Err("user name or password")),
            ("http://127.0.0.1@example.net/", Err("user name or password")),
            ("http://2130706433/", Err("another way to write 127.0.0.1")),
            ("http://0x7f000001/", Err("another way to write 127.0.0.1")),
            ("http://0177.0.0.1/", Err("another way to write 127.0.0.1")),
            ("http://127.1/", Err("another way to write 127.0.0.1")),
            ("http://134744072/", Err("another way to write 8.8.8.8")),
            ("http://１２７.0.0.1/", Err("another way to write 127.0.0.1")),
            ("http://256.1.1.1/", Err("IPv4")),
            ("http://example.net:0/", Err("no port")),
            ("http://example.net:99999/", Err("port")),
            ("http://exa mple/", Err("domain")),
        ] {
            let place = Place::parse(text);
            match (&place, expected) {
                (Ok(place), Ok(expected)) => assert_eq!(place.to_string(), expected, "{text}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{text}: {error}")
                }
                _ => panic!("{text}: {place:?}"),
            }
        }
        assert!(Place::parse(&format!("http://a/{}", "x".repeat(limits::URL_BYTES))).is_err());
    }

    #[test]
    fn redirects_are_read_as_strictly() {
        let place = Place::parse("https://8.8.8.8/a/b").unwrap();
        for (location, expected) in [
            ("c", Ok("https://8.8.8.8/a/c")),
            ("/c", Ok("https://8.8.8.8/c")),
            ("//example.net/", Ok("https://example.net/")),
            ("//2130706433/", Err("another way to write")),
            ("https://0x7f.1/", Err("another way to write")),
            ("http://8.8.8.8/", Err("from https to http")),
            ("ftp://8.8.8.8/", Err("only http and https")),
            ("https://u@8.8.8.8/", Err("user name or password")),
        ] {
            let next = place.join(location);
            match (&next, expected) {
                (Ok(next), Ok(expected)) => assert_eq!(next.url.as_str(), expected, "{location}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{location}: {error}")
                }
                _ => panic!("{location}: {next:?}"),
            }
        }
    }

    #[test]
    fn exceptions_name_a_host_and_a_port() {
        for (text, url, is_meant) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/x", true),
            ("127.0.0.1:8080", "http://127.0.0.1/x", false),
            ("127.0.0.1:8080", "http://localhost:8080/x", false),
            ("[::1]:80", "http://[::1]/", true),
            ("Pictures.LAN:80", "http://pictures.lan/", true),
            ("pictures.lan:443", "https://pictures.lan/", true),
        ] {
            let allowed: AllowedPlace = text.parse().unwrap();
            assert_eq!(allowed.is(&Place::parse(url).unwrap()), is_meant, "{text} {url}");
        }
        for text in
            ["", "127.0.0.1", "a:0", "a:99999", "http://a:80", "a:80/x", "*:80", "a b:80", ":80", "::1"]
        {
            assert!(text.parse::<AllowedPlace>().is_err(), "{text}");
        }
    }
}
