//! The parameters of a call: those of the query and of the body, merged.
//!
//! Reading is strict, because what a lenient reader makes of a broken request is sent to people: text is UTF-8
//! or refused, a JSON number that cannot be carried exactly is refused. A `%` that begins no escape stands for itself, as
//! in the original and in browsers: programs send `100%` as it is.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header::{self, HeaderMap};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::body::{self, BodyError};
use crate::settings::{ApiSettings, PARAMETERS};

/// Names and values. Of several values for one name the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    values: BTreeMap<String, String>,
    /// How many were given, repeats included.
    given: usize,
    /// What the file is called whose bytes came in a form.
    file_name: Option<String>,
}

/// The parameter that holds the bytes of a file: base64, or in a multipart form the file itself.
pub(crate) const MEDIA_DATA: &str = "media_data";

/// Why parameters cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParamError {
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A name or value is not UTF-8.
    #[error("parameter `{0}` is not valid UTF-8")]
    NotUtf8(String),
    /// There are too many.
    #[error("there are more than {PARAMETERS} parameters")]
    TooMany,
    /// The body is of a kind that holds no parameters.
    #[error(
        "a body of type `{0}` holds no parameters: send application/x-www-form-urlencoded, multipart/form-data or application/json"
    )]
    Kind(String),
    /// The body says that it is not UTF-8.
    #[error("the body's charset is `{0}`: send UTF-8")]
    Charset(String),
    /// The body is not JSON, or not an object.
    #[error("the body is not a JSON object: {0}")]
    Json(String),
    /// A JSON value has no place in a parameter.
    #[error("parameter `{0}` is {1}")]
    JsonValue(String, &'static str),
    /// The body is not the multipart form that it says it is.
    #[error("the body is not a multipart form: {0}")]
    Multipart(String),
}

impl Params {
    /// The parameters of a request's query and body, if that has no more bytes than this.
    pub(crate) async fn read_within(
        limit: usize,
        request: Request,
        settings: &ApiSettings,
    ) -> Result<Self, ParamError> {
        let (head, body) = request.into_parts();
        let mut params = Self::of_query(head.uri.query().unwrap_or_default())?;
        let bytes = body::read(limit, &head.headers, body, settings).await?;
        if !bytes.is_empty() {
            params.add_body(head.headers, bytes).await?;
        }
        Ok(params)
    }

    /// The parameters of a query alone.
    pub(crate) fn of_query(query: &str) -> Result<Self, ParamError> {
        let mut params = Self::default();
        params.add_form(query)?;
        Ok(params)
    }

    /// The value of a parameter. An empty one counts as not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Takes parameters away.
    pub(crate) fn remove(&mut self, names: &[&str]) {
        for name in names {
            self.values.remove(*name);
        }
    }

    /// What the file is called whose bytes came in a form.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Every name with its value, empty ones too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn put(&mut self, name: String, value: String) -> Result<(), ParamError> {
        self.given += 1;
        if self.given > PARAMETERS {
            return Err(ParamError::TooMany);
        }
        self.values.insert(name, value);
        Ok(())
    }

    async fn add_body(&mut self, headers: HeaderMap, bytes: Bytes) -> Result<(), ParamError> {
        let given = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
        let (kind, attributes) = given.split_once(';').unwrap_or((given, ""));
        match kind.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                check_charset(attributes)?;
                let form = std::str::from_utf8(&bytes).map_err(|error| {
                    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    ParamError::NotUtf8(name_at_end(&String::from_utf8_lossy(before)))
                })?;
                self.add_form(form.trim_end_matches(['\r', '\n']))
            }
            "application/json" | "text/json" => {
                check_charset(attributes)?;
                self.add_json(&bytes)
            }
            "multipart/form-data" => self.add_multipart(headers, bytes).await,
            _ => Err(ParamError::Kind(given.chars().take(80).collect())),
        }
    }

    fn add_form(&mut self, form: &str) -> Result<(), ParamError> {
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = unescape(name, name)?;
            let value = unescape(&name, value)?;
            self.put(name, value)?;
        }
        Ok(())
    }

    fn add_json(&mut self, bytes: &[u8]) -> Result<(), ParamError> {
        let object: serde_json::Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| ParamError::Json(error.to_string()))?;
        for (name, value) in object {
            let text = match &value {
                Value::Array(items) => {
                    let items: Result<Vec<_>, _> = items.iter().map(|item| scalar(&name, item)).collect();
                    items?.join(",")
                }
                one => scalar(&name, one)?,
            };
            self.put(name, text)?;
        }
        Ok(())
    }

    async fn add_multipart(&mut self, headers: HeaderMap, bytes: Bytes) -> Result<(), ParamError> {
        let wrong = |error: &dyn std::error::Error| ParamError::Multipart(error.to_string());
        let mut request = Request::new(Body::from(bytes));
        *request.headers_mut() = headers;
        // The body was bounded when it was read.
        DefaultBodyLimit::disable().apply(&mut request);
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| wrong(&error))?;
        while let Some(field) = form.next_field().await.map_err(|error| wrong(&error))? {
            let Some(name) = field.name().map(str::to_owned) else {
                return Err(ParamError::Multipart("a part has no name".into()));
            };
            let is_file = field.file_name().is_some()
                || field.content_type().is_some_and(|kind| !kind.starts_with("text/"));
            let file_name = field.file_name().map(str::to_owned);
            let value = field.bytes().await.map_err(|error| wrong(&error))?;
            if is_file && name == MEDIA_DATA {
                self.file_name = file_name;
                // From here on as if it had come as text: what looks at all parameters, looks at this one too.
                self.put(name, BASE64_STANDARD.encode(&value))?;
                continue;
            }
            let value = String::from_utf8(value.into()).map_err(|_| ParamError::NotUtf8(shown(&name)))?;
            self.put(name, value)?;
        }
        Ok(())
    }
}

/// Decodes `%XX` and `+`. What is not escaped stands for itself, so raw UTF-8 passes.
fn unescape(name: &str, text: &str) -> Result<String, ParamError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| ParamError::NotUtf8(shown(name)))
}

/// A JSON value as the text that a form would carry.
fn scalar(name: &str, value: &Value) -> Result<String, ParamError> {
    let wrong = |why| Err(ParamError::JsonValue(shown(name), why));
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(true) => Ok("1".into()),
        Value::Bool(false) => Ok("0".into()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        Value::Number(_) => {
            wrong("a number that is not whole or too large to be carried exactly: write it as a string")
        }
        Value::Array(_) => wrong("a list within a list: write one list"),
        Value::Object(_) => wrong("an object: write a string, a number or a list of those"),
    }
}

fn check_charset(attributes: &str) -> Result<(), ParamError> {
    let charset =
        attributes.split(';').filter_map(|attribute| attribute.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
    match charset {
        Some(other) if !["utf-8", "utf8"].iter().any(|name| other.eq_ignore_ascii_case(name)) => {
            Err(ParamError::Charset(shown(other)))
        }
        _ => Ok(()),
    }
}

/// The name of the parameter that a cut-off form ends in.
fn name_at_end(form: &str) -> String {
    let pair = form.rsplit('&').next().unwrap_or_default();
    shown(pair.split('=').next().unwrap_or_default())
}

/// A name as an error shows it.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(
        query: &str,
        kind: Option<&str>,
        body: impl Into<Body>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut request = Request::builder().uri(format!("/x?{query}"));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(body.into()).unwrap();
        let params = Params::read_within(1 << 20, request, &ApiSettings::default())
            .await
            .map_err(|error| error.to_string())?;
        Ok(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    const JSON: Option<&str> = Some("application/json;charset=UTF-8");
    const MULTIPART: Option<&str> = Some("multipart/form-data; boundary=XX");

    #[tokio::test]
    async fn query_and_body_are_merged_and_the_last_value_counts() {
        for (query, kind, body, expected) in [
            ("", None, "", vec![]),
            ("a=1&a=2&b", None, "", vec![("a", "2"), ("b", "")]),
            ("content=100%&a%4=%zz", None, "", vec![("a%4", "%zz"), ("content", "100%")]),
            ("", FORM, "content=5+%+of+%25", vec![("content", "5 % of %")]),
            ("a=1", FORM, "a=2&b=3", vec![("a", "2"), ("b", "3")]),
            ("a=%e4%bd%a0+%E5%A5%BD%2B", None, "", vec![("a", "你 好+")]),
            ("", FORM, "content=你好 🐼&x=a%00b", vec![("content", "你好 🐼"), ("x", "a\0b")]),
            ("", FORM, "a=1&&=&b==c\r\n", vec![("", ""), ("a", "1"), ("b", "=c")]),
            ("", Some("Application/X-WWW-Form-Urlencoded; Charset=\"utf-8\""), "a=1", vec![("a", "1")]),
            (
                "id=9",
                JSON,
                r#"{"id":18446744073709551615,"m":[1,"2"],"n":null,"t":true,"f":false,"s":"x,y","neg":-1}"#,
                vec![
                    ("f", "0"),
                    ("id", "18446744073709551615"),
                    ("m", "1,2"),
                    ("n", ""),
                    ("neg", "-1"),
                    ("s", "x,y"),
                    ("t", "1"),
                ],
            ),
            (
                "id=1",
                MULTIPART,
                "--XX\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n你好\r\n--XX--\r\n",
                vec![("content", "你好"), ("id", "1")],
            ),
        ] {
            assert_eq!(read(query, kind, body).await, Ok(pairs(&expected)), "{query} {body}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_exactly_is_refused_and_named() {
        for (query, kind, body, expected) in [
            ("content=%ff", None, &b""[..], "parameter `content` is not valid UTF-8"),
            ("content=%e4%bd", None, b"", "parameter `content` is not valid UTF-8"),
            ("content=%ed%a0%80", None, b"", "parameter `content` is not valid UTF-8"),
            ("content=%e4%b", None, b"", "parameter `content` is not valid UTF-8"),
            ("", FORM, b"id=1&content=\xff\xfe", "parameter `content` is not valid UTF-8"),
            ("", FORM, b"content=%ff", "parameter `content` is not valid UTF-8"),
            ("", Some("application/x-www-form-urlencoded; charset=gbk"), b"a=1", "charset is `gbk`"),
            ("", Some("text/plain"), b"a=1", "a body of type `text/plain` holds no parameters"),
            ("", None, b"a=1", "a body of type `` holds no parameters"),
            ("", JSON, b"[1]", "not a JSON object"),
            ("", JSON, b"{\"a\":", "not a JSON object"),
            ("", JSON, b"{\"a\":\"\xff\"}", "not a JSON object"),
            ("", JSON, br#"{"a":1.5}"#, "parameter `a` is a number that is not whole"),
            (
                "",
                JSON,
                br#"{"a":123456789012345678901234567890}"#,
                "parameter `a` is a number that is not whole",
            ),
            ("", JSON, br#"{"a":{"b":1}}"#, "parameter `a` is an object"),
            ("", JSON, br#"{"a":[[1]]}"#, "parameter `a` is a list within a list"),
            ("", Some("multipart/form-data"), b"x", "not a multipart form"),
            (
                "",
                MULTIPART,
                b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
                "not a multipart form",
            ),
            (
                "",
                MULTIPART,
                b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--",
                "a part has no name",
            ),
            (
                "",
                MULTIPART,
                b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--XX--\r\n",
                "parameter `a` is not valid UTF-8",
            ),
        ] {
            let error = read(query, kind, body.to_vec()).await.unwrap_err();
            assert!(error.contains(expected), "{query} {}: {error}", String::from_utf8_lossy(body));
        }
    }

    #[tokio::test]
    async fn a_file_in_a_form_is_the_same_as_its_base64() {
        for (head, body, expected) in [
            ("; filename=\"图.png\"", &b"\x89PNG\xff\0"[..], Some("iVBOR/8A")),
            ("; filename=\"a\"\r\nContent-Type: text/plain", b"hi", Some("aGk=")),
            ("\r\nContent-Type: application/octet-stream", b"hi", Some("aGk=")),
            ("\r\nContent-Type: text/plain", b"aGk=", Some("aGk=")),
            ("", b"aGk=", Some("aGk=")),
            ("", b"\x89PNG\xff", None),
        ] {
            let mut form = b"--XX\r\nContent-Disposition: form-data; name=\"media_data\"".to_vec();
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(b"\r\n\r\n");
            form.extend_from_slice(body);
            form.extend_from_slice(b"\r\n--XX--\r\n");
            let value = read("", MULTIPART, form).await.ok().map(|mut pairs| pairs.remove(0).1);
            assert_eq!(value.as_deref(), expected, "{head:?}");
        }
    }

    #[tokio::test]
    async fn a_flood_of_parameters_is_refused() {
        let many: Vec<String> = (0..=PARAMETERS).map(|n| format!("p{n}=1")).collect();
        assert!(read("", FORM, many.join("&")).await.unwrap_err().contains("more than 256"));
        assert!(read(&"a&".repeat(PARAMETERS + 1), None, "").await.unwrap_err().contains("more than 256"));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read("", JSON, format!("{{\"a\":{deep}}}")).await.is_err());
    }

    #[test]
    fn an_empty_value_counts_as_not_given() {
        let params = Params::of_query("a=&b=1").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (None, Some("1"), None));
    }
}
