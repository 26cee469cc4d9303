//! What every request passes first: is it meant for this host, and does it come from a page of its own or from
//! no page at all?
//!
//! A web page can send requests to `127.0.0.1` without asking anybody, and look-ups answer with a person's
//! friends; so all methods are checked, not only those that change something.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Version, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mynah_model::refusal::{Code, Refusal};
use serde_json::json;

use crate::authority::{Authority, parse_origin};
use crate::call::looks_up;
use crate::jsonp::Wrapping;
use crate::problem::Failure;
use crate::settings::ApiSettings;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The rules that requests are checked by.
pub(crate) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
    every_origin: bool,
    jsonp: bool,
}

impl Guard {
    pub(crate) fn new(settings: &ApiSettings) -> Self {
        let normal = |text: &String| text.trim().trim_end_matches(['/', '.']).to_ascii_lowercase();
        Self {
            hosts: settings.hosts.iter().map(normal).collect(),
            origins: settings.cors.iter().map(normal).collect(),
            every_origin: settings.cors.iter().any(|origin| origin == "*"),
            jsonp: settings.jsonp,
        }
    }

    /// Decides on a request by what stands before its body.
    fn check(&self, head: &request::Parts) -> Result<Passage, Failure> {
        let host = self.check_host(head)?;
        self.check_origin(head, host.as_ref())
    }

    /// The host that the request is for, if it is one of ours. `None`: HTTP/1.0 without a `Host`, which no
    /// browser sends.
    fn check_host(&self, head: &request::Parts) -> Result<Option<Authority>, Failure> {
        let mut headers = head.headers.get_all(header::HOST).iter();
        let given = match (head.uri.authority(), headers.next(), headers.next()) {
            (_, Some(_), Some(_)) => {
                return Err(bad_host(StatusCode::BAD_REQUEST, "there is more than one Host header"));
            }
            (Some(authority), ..) => authority.as_str(),
            (None, Some(value), None) => value.to_str().unwrap_or("?"),
            (None, None, _) if head.version == Version::HTTP_10 => return Ok(None),
            (None, None, _) => {
                return Err(bad_host(StatusCode::BAD_REQUEST, "the Host header is missing"));
            }
        };
        let shown = || given.chars().take(80).collect::<String>();
        let Some(authority) = Authority::parse(given) else {
            return Err(bad_host(
                StatusCode::BAD_REQUEST,
                &format!("the host `{}` is not `name[:port]`", shown()),
            ));
        };
        if authority.is_loopback_name() || authority.is_ip_literal() || self.hosts.contains(&authority.host) {
            return Ok(Some(authority));
        }
        let refusal = Refusal::new(Code::HttpHost, format!("`{}` is not a name of this host", shown())).hint(
            format!("if it should be, write `hosts = [\"{}\"]` at the top of mynah.toml", authority.host),
        );
        Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, refusal))
    }

    fn check_origin(&self, head: &request::Parts, host: Option<&Authority>) -> Result<Passage, Failure> {
        // The settings open the compatible APIs to pages, never the administration.
        let may_be_open = is_compatible_api(head.uri.path());
        let Some(origin) = head.headers.get(header::ORIGIN) else {
            let same = match head.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
                None => self.is_from_known_page(head, host, may_be_open),
                Some(b"none" | b"same-origin") => true,
                Some(_) => may_be_open && (self.every_origin || (self.jsonp && is_jsonp(head))),
            };
            return if same { Ok(Passage::Own) } else { Err(cross_site("a page of another site")) };
        };
        let text = origin.to_str().unwrap_or("?");
        let own =
            parse_origin(text).zip(host).is_some_and(|((scheme, page), host)| page.is_same(host, scheme));
        if own {
            return Ok(Passage::Own);
        }
        let listed = self.every_origin || self.origins.contains(&text.to_ascii_lowercase());
        if may_be_open && listed {
            let allow = if self.every_origin { HeaderValue::from_static("*") } else { origin.clone() };
            return Ok(Passage::Foreign { allow });
        }
        Err(cross_site(&format!("a page of `{}`", text.chars().take(80).collect::<String>())))
    }

    /// Whether a request comes from no page, or from one that may. Browsers say neither `Origin` nor `Sec-Fetch-Site` with
    /// the pictures of a page where they reach us by an address that is not loopback, but most say `Referer`.
    fn is_from_known_page(&self, head: &request::Parts, host: Option<&Authority>, may_be_open: bool) -> bool {
        let Some(referer) = head.headers.get(header::REFERER) else { return true };
        let text = referer.to_str().unwrap_or("?");
        let origin = text.split_inclusive('/').take(3).collect::<String>();
        let origin = origin.trim_end_matches('/');
        let own =
            parse_origin(origin).zip(host).is_some_and(|((scheme, page), host)| page.is_same(host, scheme));
        let listed = self.every_origin || self.origins.contains(&origin.to_ascii_lowercase());
        own || (may_be_open && listed)
    }
}

/// How a request may pass.
#[derive(Debug, PartialEq, Eq)]
enum Passage {
    /// It comes from no page, or from one of this host.
    Own,
    /// It comes from a page that the settings allow: `allow` tells the browser so.
    Foreign { allow: HeaderValue },
}

/// The middleware: lets a request through, or answers it.
pub(crate) async fn pass(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let passage = match guard.check(&head) {
        Ok(passage) => passage,
        Err(failure) => {
            tracing::warn!(path = head.uri.path(), why = %failure.refusal, "request refused");
            return refuse(head.uri.path(), failure);
        }
    };
    let mut response = if head.method == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        next.run(Request::from_parts(head, body)).await
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Passage::Foreign { allow } = passage {
        tell_browser(headers, allow);
    }
    response
}

fn tell_browser(headers: &mut HeaderMap, allow: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allow);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, idempotency-key, x-auth-token"),
    );
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to a request that does not pass, in the shape of the API that it was for.
fn refuse(path: &str, failure: Failure) -> Response {
    if !is_compatible_api(path) {
        return failure.into_response();
    }
    let Failure { status, refusal } = failure;
    let body = json!({ "code": status.as_u16(), "status": refusal.text, "hint": refusal.hint });
    let kind = Wrapping::Json.content_type();
    (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
}

fn is_compatible_api(path: &str) -> bool {
    path.starts_with("/openqq/") || path.starts_with("/openwx/")
}

/// Whether a page asked for a script, as JSONP does, and for something that changes nothing: JSONP gives pages what the account
/// knows, and not the account. A login code lets somebody log in.
fn is_jsonp(head: &request::Parts) -> bool {
    let path = head.uri.path();
    if !looks_up(path) || path.ends_with("/get_qrcode") {
        return false;
    }
    let is_script = head.headers.get(SEC_FETCH_DEST).is_some_and(|dest| dest == "script");
    let asks = head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "datatype=jsonp"));
    head.method == Method::GET && is_script && asks
}

fn bad_host(status: StatusCode, text: &str) -> Failure {
    Failure::new(status, Refusal::new(Code::HttpHost, text))
}

fn cross_site(whose: &str) -> Failure {
    let refusal = Refusal::new(Code::HttpCrossSite, format!("{whose} may not call this host"))
        .hint("if it should, write its origin into `cors` under `[api]` in mynah.toml");
    Failure::new(StatusCode::FORBIDDEN, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &ApiSettings, line: &str, headers: &[(&str, &str)]) -> u16 {
        let (version, path) = match line.strip_prefix("1.0 ") {
            Some(path) => (Version::HTTP_10, path),
            None => (Version::HTTP_11, line),
        };
        let mut request = Request::builder().uri(path).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        match Guard::new(settings).check(&head) {
            Ok(Passage::Own) => 200,
            Ok(Passage::Foreign { .. }) => 201,
            Err(failure) => failure.status.as_u16(),
        }
    }

    #[test]
    fn only_hosts_that_cannot_be_made_to_point_here_are_served() {
        let named = ApiSettings { hosts: vec!["Mynah.LAN".into()], ..ApiSettings::default() };
        for (line, headers, expected) in [
            ("/", vec![("host", "127.0.0.1:5000")], 200),
            ("/", vec![("host", "127.1:3000")], 200),
            ("/", vec![("host", "[::1]:5000")], 200),
            ("/", vec![("host", "localhost:5000")], 200),
            ("/", vec![("host", "mynah.lan:5000")], 200),
            ("/", vec![("host", "MYNAH.LAN.")], 200),
            ("/", vec![("host", "evil.com")], 421),
            ("/openqq/get_user_info", vec![("host", "evil.com:5000")], 421),
            ("/", vec![("host", "localhost.evil.com")], 421),
            ("/", vec![("host", "x.mynah.lan")], 421),
            ("/", vec![("host", "evil.com@localhost")], 400),
            ("/", vec![("host", "")], 400),
            ("/", vec![("host", "localhost"), ("host", "evil.com")], 400),
            ("/", vec![], 400),
            ("1.0 /", vec![], 200),
            ("1.0 /", vec![("host", "evil.com")], 421),
            // The request line wins over the header.
            ("http://evil.com/", vec![("host", "localhost")], 421),
            ("http://localhost/", vec![("host", "evil.com")], 200),
        ] {
            assert_eq!(check(&named, line, &headers), expected, "{line} {headers:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused_whatever_they_ask() {
        let host = ("host", "127.0.0.1:5000");
        for (origin, expected) in [
            (vec![("origin", "http://127.0.0.1:5000")], 200),
            (vec![("sec-fetch-site", "same-origin")], 200),
            (vec![("sec-fetch-site", "none")], 200),
            (vec![("origin", "http://127.0.0.1:5001")], 403),
            (vec![("origin", "http://127.0.0.1")], 403),
            (vec![("origin", "https://evil.com")], 403),
            (vec![("origin", "null")], 403),
            (vec![("origin", "")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            (vec![("sec-fetch-site", "same-site")], 403),
            (vec![("sec-fetch-site", "CROSS-SITE")], 403),
            (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "script")], 403),
        ] {
            for path in ["/openqq/get_friend_info?datatype=jsonp", "/api/v1/scripts", "/healthz"] {
                let headers: Vec<_> = origin.iter().copied().chain([host]).collect();
                assert_eq!(check(&ApiSettings::default(), path, &headers), expected, "{path} {origin:?}");
            }
        }
        assert_eq!(check(&ApiSettings::default(), "1.0 /", &[("origin", "http://evil.com")]), 403);
    }

    #[test]
    fn a_page_that_only_says_where_it_is_by_its_referer_is_a_page_too() {
        let host = ("host", "192.168.1.5:5000");
        let open = ApiSettings { cors: vec!["https://panel.example".into()], ..ApiSettings::default() };
        for (referer, expected) in [
            ("http://192.168.1.5:5000/console", 200),
            ("http://192.168.1.5:5000", 200),
            ("https://panel.example/a/b", 200),
            ("http://evil.com/", 403),
            ("http://192.168.1.5/", 403),
            ("https://panel.example.evil.com/", 403),
            ("android-app://x", 403),
            ("", 403),
        ] {
            let headers = [host, ("referer", referer)];
            assert_eq!(
                check(&open, "/openqq/send_friend_message?id=1&content=x", &headers),
                expected,
                "{referer}"
            );
        }
        assert_eq!(check(&open, "/api/v1/scripts", &[host, ("referer", "https://panel.example/")]), 403);
    }

    #[test]
    fn jsonp_gives_pages_look_ups_and_nothing_that_acts() {
        let settings = ApiSettings { jsonp: true, ..ApiSettings::default() };
        let headers =
            [("host", "127.0.0.1:5000"), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "script")];
        for (call, expected) in [
            ("get_friend_info", 200),
            ("search_group", 200),
            ("check_client", 200),
            ("send_friend_message", 403),
            ("shutup_group_member", 403),
            ("kick_group_member", 403),
            ("stop_client", 403),
            ("start_client", 403),
            ("relogin", 403),
            ("check_event", 403),
            ("get_qrcode", 403),
            ("upload_media", 403),
            ("accept_friend_request", 403),
        ] {
            for api in ["openqq", "openwx"] {
                let path = format!("/{api}/{call}?datatype=jsonp&callback=f");
                assert_eq!(check(&settings, &path, &headers), expected, "{path}");
            }
        }
    }

    #[test]
    fn the_settings_open_the_compatible_apis_and_not_the_administration() {
        let open = ApiSettings { cors: vec!["*".into()], ..ApiSettings::default() };
        let listed = ApiSettings { cors: vec!["https://Panel.example/".into()], ..ApiSettings::default() };
        let jsonp = ApiSettings { jsonp: true, ..ApiSettings::default() };
        let script = [("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "script")];
        let page = |origin| [("host", "localhost"), ("origin", origin)];
        for (settings, path, headers, expected) in [
            (&open, "/openqq/x", &page("https://evil.com")[..], 201),
            (&open, "/api/v1/scripts", &page("https://evil.com"), 403),
            (&open, "/openqq/x", &script, 200),
            (&listed, "/openqq/x", &page("https://panel.example"), 201),
            (&listed, "/openqq/x", &page("https://evil.com"), 403),
            (&listed, "/openqq/x", &script, 403),
            (&jsonp, "/openqq/get_x?datatype=jsonp", &script, 200),
            (&jsonp, "/openqq/x", &script, 403),
            (&jsonp, "/api/v1/scripts?datatype=jsonp", &script, 403),
        ] {
            assert_eq!(check(settings, path, headers), expected, "{path} {headers:?}");
        }
    }
}
