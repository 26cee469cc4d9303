//! Commands that people type, `/roll 2d6`, and what follows their name.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::types::{ChatKind, Command, Event, Message, Person, Role};

impl Command {
    /// A command, by its name without `/`: lower case, no spaces.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            aliases: Vec::new(),
            usage: String::new(),
            help: String::new(),
            role: Role::Member,
        }
    }

    /// Another name of it.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// What follows the name, for example `<dice>`: shown in `/help`, and to whoever gets it wrong.
    #[must_use]
    pub fn usage(mut self, usage: impl Into<String>) -> Self {
        self.usage = usage.into();
        self
    }

    /// What it does, in one sentence.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The least role that may use it in a group. Others are not answered.
    #[must_use]
    pub fn for_role(mut self, least: Role) -> Self {
        self.role = least;
        self
    }

    /// Whether a message calls it, from somebody who may.
    pub(crate) fn is_called_by(&self, event: &Event) -> bool {
        let Some((message, invocation)) = event.message().and_then(|m| Some((m, m.command.as_ref()?))) else {
            return false;
        };
        let named = |name: &String| is_same_word(name, &invocation.name);
        let may = self.role == Role::Member
            || event.chat_kind() != Some(ChatKind::Group)
            || message.sender.role.is_some_and(|role| role >= self.role);
        (named(&self.name) || self.aliases.iter().any(named)) && may
    }
}

/// Whether two words differ in nothing but case, of any script: the host compares them so.
fn is_same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

/// A command that somebody typed.
#[derive(Debug, Clone, Copy)]
pub struct CommandCall<'a> {
    /// The event.
    pub event: &'a Event,
    /// The message that it began.
    pub message: &'a Message,
    /// The name as typed, without `/`: it may be an alias.
    pub name: &'a str,
    /// What follows the name, without the spaces around it.
    pub rest: &'a str,
    /// The command, for its usage.
    command: &'a Command,
}

impl<'a> CommandCall<'a> {
    /// The call that an event is, if it is one.
    pub(crate) fn of(event: &'a Event, command: &'a Command) -> Option<Self> {
        let message = event.message()?;
        let invocation = message.command.as_ref()?;
        Some(Self { event, message, name: &invocation.name, rest: &invocation.rest, command })
    }

    /// Who typed it.
    pub fn sender(&self) -> &'a Person {
        &self.message.sender
    }

    /// The words that follow the name. Quotation marks (`"` or `“”`) keep words together.
    pub fn args(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut left = self.rest;
        std::iter::from_fn(move || {
            let (word, after) = next_word(left)?;
            left = after;
            Some(word)
        })
    }

    /// The word at a place, from 0. If it is missing or cannot be read, the person is told how to use the
    /// command.
    pub fn arg<T: FromStr>(&self, place: usize) -> Result<T> {
        self.optional_arg(place)?.ok_or_else(|| self.usage_error())
    }

    /// The word at a place, from 0, if there is one.
    pub fn optional_arg<T: FromStr>(&self, place: usize) -> Result<Option<T>> {
        let Some(word) = self.args().nth(place) else { return Ok(None) };
        word.parse().map(Some).map_err(|_| self.usage_error())
    }

    /// What a handler returns to tell the person how the command is used.
    pub fn usage_error(&self) -> Error {
        Error::say(["用法 usage: /", &self.command.name, " ", &self.command.usage].concat().trim_end())
    }
}

/// The first word of a text and what follows it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    let closing = match first {
        '"' => Some('"'),
        '“' | '”' => Some('”'),
        _ => None,
    };
    if let Some(closing) = closing {
        let inside = text.strip_prefix(first)?;
        return Some(inside.split_once(closing).unwrap_or((inside, "")));
    }
    Some(text.split_once(char::is_whitespace).unwrap_or((text, "")))
}

#[cfg(test)]
mod tests {
    use super::next_word;

    #[test]
    fn quotation_marks_keep_words_together() {
        let words = |mut text: &'static str| {
            std::iter::from_fn(|| {
                let (word, after) = next_word(text)?;
                text = after;
                Some(word)
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(words("add  \"two words\" 三"), ["add", "two words", "三"]);
        assert_eq!(words("说 “你 好” 完"), ["说", "你 好", "完"]);
        assert_eq!(words("\"never closed"), ["never closed"]);
        assert_eq!(words("  "), [""; 0]);
    }
}
