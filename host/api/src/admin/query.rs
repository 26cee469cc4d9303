//! Reading what the query of a request says, by names that the path knows.

use std::fmt::Display;
use std::str::FromStr;

use crate::params::Params;
use crate::problem::Failure;

/// The parameters of a query.
pub(super) struct Query(Params);

impl Query {
    /// Reads a query that may hold these parameters, and `key`.
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
