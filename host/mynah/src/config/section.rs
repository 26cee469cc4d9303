//! Reading a TOML table key by key. Every key that is read is known from then on; what is left over is an error that
//! names the nearest known key. Every error knows its place and says what would be right.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use mynah_model::words::{nearest, one_of};

use super::problem::Problem;

/// A table of the file, while it is read.
pub(crate) struct Section<'t> {
    /// What people call it: "the top level", `[script.ping]`.
    title: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(crate) fn new(title: impl Into<String>, table: &'t DeTable<'t>, span: Range<usize>) -> Self {
        Self { title: title.into(), span, table, known: Vec::new() }
    }

    /// The value of a key that is not known here, to say more of it than that.
    pub(crate) fn peek(&self, key: &'static str) -> Option<Value<'t>> {
        let value = self.table.get(key)?;
        Some(Value { path: key.into(), span: value.span(), value: value.get_ref() })
    }

    /// The value of a key that may be absent.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(Value { path: key.into(), span: value.span(), value: value.get_ref() })
    }

    /// The value of a key that may be absent, read.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'t>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.take(key).map(read).transpose()
    }

    /// A problem of the section as a whole: a key is missing, two contradict each other.
    pub(crate) fn problem(&self, message: impl Display) -> Problem {
        Problem::new(self.span.clone(), format!("{}: {message}", self.title))
    }

    /// Refuses the first key that nobody asked for.
    pub(crate) fn finish(&self) -> Result<(), Problem> {
        let unknown = self
            .table
            .keys()
            .filter(|key| !self.known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        let Some(key) = unknown else { return Ok(()) };
        let problem = Problem::new(key.span(), format!("unknown key `{}` in {}", key.get_ref(), self.title));
        Err(match nearest(key.get_ref(), self.known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known here: {}", one_of(self.known.iter().copied()))),
        })
    }
}

/// A value of the file, while it is read.
#[derive(Clone)]
pub(crate) struct Value<'t> {
    /// The key that leads to it, for messages.
    path: String,
    span: Range<usize>,
    value: &'t DeValue<'t>,
}

impl<'t> Value<'t> {
    pub(crate) fn problem(&self, message: impl Display) -> Problem {
        Problem::new(self.span.clone(), format!("`{}` {message}", self.path))
    }

    /// The problem of a value of the wrong type. `right` completes "must be ...".
    fn wrong(&self, right: impl Display) -> Problem {
        let given = match self.value {
            DeValue::String(text) => format!("the text {text:?}"),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::Datetime(value) => format!("the date {value}"),
            DeValue::Array(_) => "a list".into(),
            DeValue::Table(_) => "a table".into(),
        };
        self.problem(format!("must be {right}, not {given}"))
    }

    /// The bytes of the file that it takes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn text(&self, right: &str) -> Result<&'t str, Problem> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong(right)),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        self.value.as_bool().ok_or_else(|| self.wrong("`true` or `false`"))
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(crate) fn integer<N>(&self, range: RangeInclusive<N>) -> Result<N, Problem>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let number = match self.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.wrong(format!("a whole number from {} to {}", range.start(), range.end())))
    }

    /// A text that something else can be read from; its error completes the message.
    pub(crate) fn parsed<T>(&self, right: &str) -> Result<T, Problem>
    where
        T: FromStr<Err: Display>,
    {
        self.text(right)?.parse().map_err(|error| self.problem(format!("is not {right}: {error}")))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Result<T, Problem> {
        let names = || words.iter().map(|(word, _)| *word);
        let right = one_of(names());
        let text = self.text(&right)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(*value),
            None => {
                let problem = self.wrong(&right);
                Err(match nearest(text, names()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                })
            }
        }
    }

    /// The items of a list.
    pub(crate) fn list<T>(
        &self,
        right: &str,
        mut read: impl FnMut(Value<'t>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let items = self.value.as_array().ok_or_else(|| self.wrong(right))?;
        let item = |(place, item): (usize, &'t Spanned<DeValue<'t>>)| {
            read(Value { path: format!("{}[{place}]", self.path), span: item.span(), value: item.get_ref() })
        };
        items.iter().enumerate().map(item).collect()
    }

    /// One item, or a list of them.
    pub(crate) fn one_or_more<T>(
        &self,
        right: &str,
        mut read: impl FnMut(Value<'t>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        if self.is_list() { self.list(right, read) } else { Ok(vec![read(self.clone())?]) }
    }

    /// A table whose keys are known in advance.
    pub(crate) fn section(&self, title: impl Into<String>) -> Result<Section<'t>, Problem> {
        let title = title.into();
        let table = self.value.as_table().ok_or_else(|| self.wrong(format!("a table {title}")))?;
        Ok(Section::new(title, table, self.span.clone()))
    }

    /// A table whose keys are the operator's: each key as a value of its own, and what it leads to.
    pub(crate) fn entries(&self, right: &str) -> Result<Vec<(Key<'t>, Value<'t>)>, Problem> {
        let table = self.value.as_table().ok_or_else(|| self.wrong(right))?;
        Ok(table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().as_ref();
                let path = format!("{}.{name}", self.path);
                (Key { name, span: key.span() }, Value { path, span: value.span(), value: value.get_ref() })
            })
            .collect())
    }

    /// Any value, as JSON. Dates become text.
    pub(crate) fn json(&self) -> Result<Json, Problem> {
        match self.value {
            DeValue::String(text) => Ok(Json::String(text.clone().into_owned())),
            DeValue::Integer(_) => self.integer(i64::MIN..=i64::MAX).map(Json::from),
            DeValue::Float(number) => {
                let finite = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                finite.map(Json::Number).ok_or_else(|| self.wrong("a finite number"))
            }
            DeValue::Boolean(value) => Ok(Json::Bool(*value)),
            DeValue::Datetime(value) => Ok(Json::String(value.to_string())),
            DeValue::Array(_) => self.list("a list", |item| item.json()).map(Json::Array),
            DeValue::Table(_) => {
                let entries = self.entries("a table")?.into_iter();
                let json: Result<_, _> =
                    entries.map(|(key, value)| Ok((key.name.to_owned(), value.json()?))).collect();
                json.map(Json::Object)
            }
        }
    }
}

/// A key that the operator chose.
pub(crate) struct Key<'t> {
    pub(crate) name: &'t str,
    span: Range<usize>,
}

impl Key<'_> {
    pub(crate) fn problem(&self, message: impl Display) -> Problem {
        Problem::new(self.span.clone(), message.to_string())
    }

    /// What the key names.
    pub(crate) fn parsed<T>(&self) -> Result<T, Problem>
    where
        T: FromStr<Err: Display>,
    {
        self.name.parse().map_err(|error: T::Err| self.problem(error))
    }
}
