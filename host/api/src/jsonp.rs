//! `datatype=jsonp`: an answer as a call of a function that the page names. Off unless the settings say
//! otherwise.

use axum::http::HeaderValue;

use crate::params::Params;
use crate::settings::ApiSettings;

/// How the text of an answer is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// As it is.
    Json,
    /// As a call of this function.
    Call(String),
}

impl Wrapping {
    /// What the parameters ask for; an error says why they do not get it.
    pub(crate) fn of(
        params: &Params,
        settings: &ApiSettings,
        now_seconds: i64,
    ) -> Result<Self, &'static str> {
        match params.get("datatype") {
            Some("jsonp") if !settings.jsonp => Err(
                "jsonp is off: write `jsonp = true` under `[api]` in mynah.toml if any page may read the answers",
            ),
            Some("jsonp") => match params.get("callback") {
                None => Ok(Self::Call(format!("jsoncallback{now_seconds}"))),
                Some(name) if is_function_name(name) => Ok(Self::Call(name.to_owned())),
                Some(_) => Err(
                    "callback is not a name: a letter, `_` or `$`, then up to 63 letters, digits, `_`, `$` or `.`",
                ),
            },
            _ => Ok(Self::Json),
        }
    }

    /// Wraps a JSON text.
    pub(crate) fn wrap(&self, json: String) -> String {
        match self {
            Self::Json => json,
            // Older engines end a line of script at these two, which JSON allows within a string.
            Self::Call(name) => {
                format!("{name}({})", json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
            }
        }
    }

    /// The type of the wrapped text.
    pub(crate) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json;charset=UTF-8",
            Self::Call(_) => "text/javascript;charset=UTF-8",
        })
    }
}

fn is_function_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    name.len() <= 64
        && name.starts_with(first)
        && name.chars().all(|c| first(c) || c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, jsonp: bool) -> Result<Wrapping, &'static str> {
        let settings = ApiSettings { jsonp, ..ApiSettings::default() };
        Wrapping::of(&Params::of_query(query).unwrap(), &settings, 1_500_000_000)
    }

    #[test]
    fn jsonp_is_refused_unless_it_is_on() {
        assert_eq!(of("a=1", false), Ok(Wrapping::Json));
        assert_eq!(of("datatype=json&callback=%3C", false), Ok(Wrapping::Json));
        assert!(of("datatype=jsonp&callback=cb", false).is_err());
        assert_eq!(of("datatype=jsonp", true), Ok(Wrapping::Call("jsoncallback1500000000".into())));
    }

    #[test]
    fn only_names_can_be_called() {
        for name in ["cb", "$.x", "_a1", "jQuery.cb_1", &"x".repeat(64)] {
            assert!(of(&format!("datatype=jsonp&callback={name}"), true).is_ok(), "{name}");
        }
        for name in ["alert(1)//", "1a", ".a", "a b", "a;b", "a[0]", "é", "a\n", &"x".repeat(65)] {
            let query: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert!(of(&format!("datatype=jsonp&callback={query}"), true).is_err(), "{name}");
        }
    }

    #[test]
    fn a_wrapped_answer_holds_no_line_end_of_script() {
        let wrapped = Wrapping::Call("cb".into()).wrap("{\"a\":\"\u{2028}\"}".into());
        assert_eq!(wrapped, "cb({\"a\":\"\\u2028\"})");
    }
}
