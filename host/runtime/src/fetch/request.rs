//! What a script asks to be fetched: read strictly, held against what the operator granted.

use mynah_model::action::ActionBody;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::FetchError;
use super::origin::GrantedOrigin;
use super::place::{Place, Reach};
use super::secret::FetchSecret;
use crate::limits;

/// Methods that a script may use: those that web services have. `CONNECT` and `TRACE` are for proxies.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Headers that say how a message travels or where it comes from: they are the host's own.
const OWN_HEADERS: [&str; 17] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Headers that go along when a redirect leads to another place. Others may hold what was meant for the first alone.
const HARMLESS_HEADERS: [HeaderName; 3] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE];

/// What a script may fetch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchGrants {
    /// From where. Empty is from nowhere.
    pub origins: Vec<GrantedOrigin>,
    /// What the host adds where the script asks for it by name.
    pub secrets: Vec<FetchSecret>,
}

impl FetchGrants {
    /// How far a place may be reached; an error if it is not granted.
    pub(super) fn reach(&self, place: &Place) -> Result<Reach, FetchError> {
        let granted = self.origins.iter().filter(|granted| granted.origin.holds(place));
        granted.map(GrantedOrigin::reach).max().ok_or_else(|| FetchError::NotGranted(place.origin()))
    }
}

/// A request that can be made.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) place: Place,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Request {
    /// A look at what everybody may see.
    pub(super) fn get(url: &str) -> Result<Self, FetchError> {
        Ok(Self { place: Place::parse(url)?, method: Method::GET, headers: HeaderMap::new(), body: None })
    }

    /// What a `fetch` action of a script asks for, if it is granted: the secret that it names is added.
    pub(crate) fn of(body: &ActionBody, script: &ScriptName, grants: &FetchGrants) -> Result<Self, Refusal> {
        let ActionBody::Fetch { tag, method, url, headers, body, secret } = body else {
            return Err(Refusal::new(Code::ActionInvalid, "this is no fetch"));
        };
        if tag.is_empty() || tag.len() > limits::TAG_BYTES {
            return Err(invalid(format!("`tag` of a fetch has 1 to {} bytes", limits::TAG_BYTES)));
        }
        let method = METHODS.into_iter().find(|known| known.as_str() == method).ok_or_else(|| {
            let known = METHODS.map(|method| method.to_string()).join(", ");
            invalid(format!("`method` of a fetch is one of {known}"))
        })?;
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            return Err(invalid(format!("a {method} has no body: use POST")));
        }
        if body.as_ref().is_some_and(|body| body.len() > limits::FETCH_SENT_BYTES) {
            return Err(invalid(format!("`body` of a fetch has at most {} bytes", limits::FETCH_SENT_BYTES)));
        }
        let place = Place::parse(url).map_err(|error| invalid(format!("`url` of a fetch: {error}")))?;
        grants.reach(&place).map_err(|_| not_granted(script, &place))?;
        let mut headers = read_headers(headers)?;
        if let Some(name) = secret {
            let (header, value) = find_secret(name, &place, script, grants)?.header();
            if headers.insert(header, value.clone()).is_some() {
                return Err(invalid(format!("the header `{header}` is that of the secret: leave it away")));
            }
        }
        Ok(Self { place, method, headers, body: body.clone() })
    }

    /// The request that a redirect asks for. What was meant for one place does not go to another: the secret and the
    /// script's own headers stay behind.
    pub(super) fn led_to(mut self, status: u16, location: &str) -> Result<Self, FetchError> {
        let place = self.place.join(location)?;
        if place.origin() != self.place.origin() {
            let mut kept = HeaderMap::new();
            for name in HARMLESS_HEADERS {
                if let Some(value) = self.headers.remove(&name) {
                    kept.insert(name, value);
                }
            }
            self.headers = kept;
        }
        // 307 and 308 ask for the same again; the others have become a look at the result, as browsers do it.
        let looks = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if looks {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
        }
        Ok(Self { place, ..self })
    }
}

/// Refuses a URL that leads where a script may not fetch from, whoever will get what is there. `what` says what names it.
pub(crate) fn check_place(
    url: &str,
    what: &str,
    script: &ScriptName,
    grants: &FetchGrants,
) -> Result<(), Refusal> {
    let place = Place::parse(url).map_err(|error| invalid(format!("{what}: {error}")))?;
    grants.reach(&place).map(drop).map_err(|_| not_granted(script, &place))
}

fn invalid(text: String) -> Refusal {
    Refusal::new(Code::ActionInvalid, text)
}

fn not_granted(script: &ScriptName, place: &Place) -> Refusal {
    let origin = place.origin();
    Refusal::new(Code::GrantFetch, format!("script `{script}` may not fetch from `{origin}`"))
        .hint(format!("add \"{origin}\" to `fetch` under `[script.{script}]` in mynah.toml"))
}

fn find_secret<'a>(
    name: &str,
    place: &Place,
    script: &ScriptName,
    grants: &'a FetchGrants,
) -> Result<&'a FetchSecret, Refusal> {
    let known: String = name.chars().take(40).collect();
    let Some(secret) = grants.secrets.iter().find(|secret| secret.name() == name) else {
        return Err(Refusal::new(Code::GrantSecret, format!("script `{script}` has no secret `{known}`"))
            .hint(format!("add it to `secrets` under `[script.{script}]` in mynah.toml")));
    };
    if secret.is_for(place) {
        return Ok(secret);
    }
    let origin = place.origin();
    Err(Refusal::new(Code::GrantSecret, format!("the secret `{known}` is not for `{origin}`"))
        .hint(format!("add \"{origin}\" to `secrets.{known}.hosts` under `[script.{script}]` in mynah.toml")))
}

fn read_headers(given: &[(String, String)]) -> Result<HeaderMap, Refusal> {
    let most = limits::FETCH_SENT_HEADERS;
    if given.len() > most {
        return Err(invalid(format!("a fetch has at most {most} headers")));
    }
    let most = limits::FETCH_SENT_HEADER_BYTES;
    if given.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > most {
        return Err(invalid(format!("the headers of a fetch have at most {most} bytes")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name = check_header_name(name).map_err(|why| invalid(format!("a header of a fetch: {why}")))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| invalid(format!("the header `{name}` holds what no header can hold")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A header that is not the host's own.
pub(super) fn check_header_name(name: &str) -> Result<HeaderName, String> {
    let shown: String = name.chars().take(40).collect();
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{}` is no name of a header, such as `accept`", shown.escape_debug()))?;
    if OWN_HEADERS.contains(&parsed.as_str()) || parsed.as_str().starts_with("proxy-") {
        return Err(format!("`{parsed}` is the host's own: leave it away"));
    }
    Ok(parsed)
}

/// A fetch as people who watch the host see it: without the query, which may hold what somebody said.
pub(crate) fn shown(method: &str, url: &str) -> String {
    let place = Url::parse(url).map(|mut url| {
        url.set_query(None);
        url.set_fragment(None);
        // What cannot be set has no user either.
        let _ = (url.set_username(""), url.set_password(None));
        url.to_string()
    });
    let place = place.unwrap_or_else(|_| "an address that is none".to_owned());
    let (method, place) = (method.chars().take(10), place.chars().take(limits::FETCH_SHOWN_CHARS));
    method.chain([' ']).chain(place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::secret::SecretUse;
    use super::*;

    fn grants() -> FetchGrants {
        let origin = |text: &str| text.parse::<super::super::Origin>().unwrap();
        let used = SecretUse::new("key", "authorization", "Bearer ", vec![origin("https://a.test")]).unwrap();
        FetchGrants {
            origins: ["https://a.test", "https://b.test", "http://127.0.0.1:8080"]
                .map(|text| origin(text).into())
                .into(),
            secrets: vec![used.with("hunter2").unwrap()],
        }
    }

    fn fetch(method: &str, url: &str) -> ActionBody {
        let (tag, method, url) = ("t".to_owned(), method.to_owned(), url.to_owned());
        ActionBody::Fetch { tag, method, url, headers: Vec::new(), body: None, secret: None }
    }

    fn of(body: &ActionBody) -> Result<Request, Refusal> {
        Request::of(body, &"s".parse().unwrap(), &grants())
    }

    fn with_headers(given: &[(&str, &str)]) -> Result<Request, Refusal> {
        let mut body = fetch("GET", "https://a.test/");
        if let ActionBody::Fetch { headers, .. } = &mut body {
            *headers = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        }
        of(&body)
    }

    fn asking_for(url: &str, name: &str) -> Result<Request, Refusal> {
        let mut body = fetch("GET", url);
        if let ActionBody::Fetch { secret, .. } = &mut body {
            *secret = Some(name.to_owned());
        }
        of(&body)
    }

    #[test]
    fn only_granted_places_are_asked_and_a_refusal_says_what_to_write() {
        assert!(of(&fetch("GET", "https://a.test/x?y")).is_ok());
        for url in ["http://a.test/", "https://c.test/", "https://a.test:444/", "https://127.0.0.1:8080/"] {
            let refusal = of(&fetch("GET", url)).unwrap_err();
            assert_eq!(refusal.code, Code::GrantFetch, "{url}");
            assert!(refusal.hint.unwrap().contains("to `fetch` under `[script.s]`"), "{url}");
        }
        for url in ["", "a.test", "ftp://a.test/", "https://u@a.test/", "http://0x7f.1:8080/"] {
            assert_eq!(of(&fetch("GET", url)).unwrap_err().code, Code::ActionInvalid, "{url}");
        }
        let none =
            Request::of(&fetch("GET", "https://a.test/"), &"s".parse().unwrap(), &FetchGrants::default());
        assert_eq!(none.unwrap_err().code, Code::GrantFetch, "nothing is granted by default");
    }

    #[test]
    fn methods_and_bodies_are_those_of_web_services() {
        for method in ["", "get", "CONNECT", "TRACE", "OPTIONS", "GET / HTTP/1.1\r\n"] {
            assert_eq!(
                of(&fetch(method, "https://a.test/")).unwrap_err().code,
                Code::ActionInvalid,
                "{method}"
            );
        }
        for (method, length, right) in [
            ("POST", limits::FETCH_SENT_BYTES, true),
            ("POST", limits::FETCH_SENT_BYTES + 1, false),
            ("DELETE", 1, true),
            ("GET", 0, false),
        ] {
            let mut action = fetch(method, "https://a.test/");
            if let ActionBody::Fetch { body, .. } = &mut action {
                *body = Some(vec![0; length]);
            }
            assert_eq!(of(&action).is_ok(), right, "{method} {length}");
        }
    }

    #[test]
    fn headers_of_the_connection_and_of_proxies_are_refused_by_name() {
        assert!(with_headers(&[("Accept", "text/plain"), ("x-a", "b"), ("x-a", "c")]).is_ok());
        for (name, value) in [
            ("Host", "evil.test"),
            ("content-length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "upgrade"),
            ("Proxy-Authorization", "x"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("x y", "z"),
            ("", "z"),
            ("x-a", "b\r\nHost: evil.test"),
            ("x-a\r\nhost", "evil.test"),
            ("x-a", "b\0"),
        ] {
            assert_eq!(with_headers(&[(name, value)]).unwrap_err().code, Code::ActionInvalid, "{name:?}");
        }
        let long = "x".repeat(limits::FETCH_SENT_HEADER_BYTES);
        assert!(with_headers(&[("x-a", &long)]).is_err());
        assert!(with_headers(&vec![("x-a", "b"); limits::FETCH_SENT_HEADERS + 1]).is_err());
    }

    #[test]
    fn a_secret_goes_where_the_operator_said_and_nowhere_else() {
        let request = asking_for("https://a.test/", "key").unwrap();
        assert_eq!(request.headers["authorization"], "Bearer hunter2");
        assert!(!format!("{request:?}").contains("hunter2"), "{request:?}");
        for (url, name) in [("https://b.test/", "key"), ("https://a.test/", "other")] {
            let refusal = asking_for(url, name).unwrap_err();
            assert_eq!(refusal.code, Code::GrantSecret, "{url} {name}");
            assert!(!format!("{refusal:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_redirect_to_another_place_takes_nothing_along_that_was_meant_for_the_first() {
        let mut request = asking_for("https://a.test/", "key").unwrap();
        request.headers.insert("x-api-key", HeaderValue::from_static("k"));
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/plain"));
        let near = request.clone().led_to(302, "/next").unwrap();
        assert_eq!(near.headers.len(), 3);
        for elsewhere in ["https://b.test/", "https://a.test:444/"] {
            let far = request.clone().led_to(302, elsewhere).unwrap();
            assert_eq!(
                far.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
                ["accept"],
                "{elsewhere}"
            );
            let back = far.led_to(302, "https://a.test/").unwrap();
            assert!(!back.headers.contains_key("authorization"), "it does not come back either");
        }
        assert!(request.led_to(302, "http://a.test/").is_err(), "from https to http");
    }

    #[test]
    fn a_redirect_of_a_post_is_followed_as_browsers_do_it() {
        let mut action = fetch("POST", "https://a.test/");
        if let ActionBody::Fetch { body, .. } = &mut action {
            *body = Some(b"x".to_vec());
        }
        let request = of(&action).unwrap();
        for (status, method, has_body) in [
            (301, "GET", false),
            (302, "GET", false),
            (303, "GET", false),
            (307, "POST", true),
            (308, "POST", true),
        ] {
            let next = request.clone().led_to(status, "/next").unwrap();
            assert_eq!((next.method.as_str(), next.body.is_some()), (method, has_body), "{status}");
        }
    }

    #[test]
    fn people_are_not_shown_what_was_asked_for_in_the_query() {
        assert_eq!(shown("GET", "https://a.test/x?q=secret#y"), "GET https://a.test/x");
        assert_eq!(shown("GET", "https://u:p@a.test/"), "GET https://a.test/");
        assert_eq!(shown("GET", "nonsense?q=1"), "GET an address that is none");
    }
}
