//! Reading what the query of a request says, by names that the path knows.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::Uri;

use crate::params::Params;
use crate::problem::Failure;

/// The parameters of a query.
pub(super) struct Query(Params);

impl Query {
    /// Reads the query of a request, which may hold these parameters, and `key`.
    pub(super) fn of(uri: &Uri, names: &[&str]) -> Result<Self, Failure> {
        Self::read(uri.query().unwrap_or_default(), names)
    }

    /// The same of the query alone.
    pub(super) fn read(query: &str, names: &[&str]) -> Result<Self, Failure> {
        let params = Params::of_query(query).map_err(|error| Failure::parameter(error.to_string()))?;
        if let Some((name, _)) = params.iter().find(|(name, _)| *name != "key" && !names.contains(name)) {
            let shown: String = name.chars().take(64).collect();
            let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Failure::parameter(format!(
                "there is no parameter `{shown}` here; there is {known}"
            )));
        }
        Ok(Self(params))
    }

    /// A text, if it is given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    /// A text that has to be given.
    pub(super) fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| Failure::parameter(format!("`{name}` is missing")))
    }

    /// How many are asked for by `limit`: 1 to `most`.
    pub(super) fn limit(&self, usual: u32, most: u32) -> Result<u32, Failure> {
        let limit = self.number("limit", &format!("a number from 1 to {most}"))?.unwrap_or(usual);
        match limit {
            1.. if limit <= most => Ok(limit),
            _ => Err(Failure::parameter(format!("`limit` is 1 to {most}, not {limit}"))),
        }
    }

    /// A number, if it is given; `what` says what it is.
    pub(super) fn number<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Failure> {
        let number =
            |text: &str| text.parse().map_err(|_| Failure::parameter(format!("`{name}` is not {what}")));
        self.0.get(name).map(number).transpose()
    }

    /// Something that says itself what is wrong with it, if it is given.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parsed = |text: &str| {
            text.parse().map_err(|error: T::Err| Failure::parameter(format!("`{name}`: {error}")))
        };
        self.0.get(name).map(parsed).transpose()
    }
}
