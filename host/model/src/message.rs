//! Messages and their segments.

use serde::{Deserialize, Serialize};

use crate::Attrs;
use crate::roster::Person;

/// An image, a voice, a video or a file. Of `id`, `url` and `path` at least one is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Media {
    /// The network's id for something that it already holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it can be fetched, http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A file in the host's media folder, relative to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// File name without folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type, for example `image/png`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What has no field of its own.
    #[serde(skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
}

impl Media {
    /// Bytes of its texts.
    pub(crate) fn texts(&self) -> usize {
        let attrs: usize = self.attrs.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
        let texts = [&self.id, &self.url, &self.path, &self.name, &self.mime];
        texts.into_iter().flatten().map(String::len).sum::<usize>() + attrs
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Segment {
    /// Plain text. Never markup: what stands here is shown as it stands.
    Text {
        /// The text.
        text: String,
    },
    /// Calls one person.
    Mention {
        /// The person's id.
        id: String,
        /// The name as it stands in the text, without `@`.
        name: String,
    },
    /// Calls everybody in the chat.
    MentionAll,
    /// A picture.
    Image(Media),
    /// An emoticon of the network.
    Face {
        /// The network's number for it.
        id: String,
        /// Its name; empty if it is not known.
        name: String,
    },
    /// A spoken message.
    Voice(Media),
    /// A film.
    Video(Media),
    /// Any other file.
    File(Media),
    /// This message answers the one with this id.
    ReplyTo {
        /// The other message's id.
        id: String,
    },
    /// A card that an app draws: the network's JSON or XML as text.
    AppCard {
        /// The card.
        data: String,
    },
    /// Anything else.
    Other {
        /// What it is, in the network's own word.
        kind: String,
        /// All that is known of it, a JSON text.
        json: String,
    },
}

impl Segment {
    /// Bytes of its texts.
    pub(crate) fn texts(&self) -> usize {
        match self {
            Self::Text { text: one } | Self::ReplyTo { id: one } | Self::AppCard { data: one } => one.len(),
            Self::Mention { id: one, name: other }
            | Self::Face { id: one, name: other }
            | Self::Other { kind: one, json: other } => one.len() + other.len(),
            Self::Image(media) | Self::Voice(media) | Self::Video(media) | Self::File(media) => media.texts(),
            Self::MentionAll => 0,
        }
    }

    /// A piece of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// The segments as one line of text: mentions as `@name`, what cannot be read as `[image]` and so on.
pub fn flatten(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        match segment {
            Segment::Text { text: piece } => text.push_str(piece),
            Segment::Mention { id, name } => {
                text.push('@');
                text.push_str(if name.is_empty() { id } else { name });
            }
            Segment::MentionAll => text.push_str("@all"),
            Segment::Image(_) => text.push_str("[image]"),
            Segment::Face { id, name } => {
                text.push('[');
                text.push_str(if name.is_empty() { id } else { name });
                text.push(']');
            }
            Segment::Voice(_) => text.push_str("[voice]"),
            Segment::Video(_) => text.push_str("[video]"),
            Segment::File(_) => text.push_str("[file]"),
            Segment::ReplyTo { .. } => {}
            Segment::AppCard { .. } => text.push_str("[card]"),
            Segment::Other { kind, .. } => {
                text.push('[');
                text.push_str(kind);
                text.push(']');
            }
        }
    }
    text
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageClass {
    /// The account received it.
    Recv,
    /// The account sent it.
    Send,
}

/// Who made a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageSource {
    /// A person, at a keyboard.
    Person,
    /// A program that called the HTTP API.
    Api,
    /// A script.
    Script,
    /// The answer of a webhook.
    Webhook,
    /// Anybody else.
    Other,
}

/// A command at the start of a message, for example `/roll 2d6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// The first word without its `/`, as typed.
    pub name: &'a str,
    /// What follows it, without the spaces around it.
    pub rest: &'a str,
}

impl<'a> Invocation<'a> {
    /// The command that a text begins with: `/`, then a name, then the end of the text or white space.
    /// Spaces before it do not count; the full-width `／` of Chinese keyboards is a `/`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let after = text.trim_start().strip_prefix(['/', '／'])?;
        let (name, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        let is_name = !name.is_empty() && !name.contains(['/', '／']);
        is_name.then(|| Self { name, rest: rest.trim() })
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The network's id of it.
    pub id: String,
    /// Who said it.
    pub sender: Person,
    /// Its pieces, in order.
    pub segments: Vec<Segment>,
    /// The pieces as one line of text, see [`flatten`].
    pub text: String,
    /// Received or sent.
    pub class: MessageClass,
    /// Who made it.
    pub source: MessageSource,
    /// What has no field of its own.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_slash_and_a_word_at_the_start() {
        let parse = |text| Invocation::parse(text).map(|call| (call.name, call.rest));
        assert_eq!(parse("/roll 2d6"), Some(("roll", "2d6")));
        assert_eq!(parse("  ／帮助  一 二 "), Some(("帮助", "一 二")));
        assert_eq!(parse("/ping"), Some(("ping", "")));
        for not_one in ["ping", "/", "/ ping", "//ping", "/usr/bin", "a /ping", ""] {
            assert_eq!(parse(not_one), None, "{not_one:?}");
        }
    }

    #[test]
    fn segments_flatten_to_what_a_person_would_read() {
        let segments = [
            Segment::ReplyTo { id: "1".into() },
            Segment::Mention { id: "7".into(), name: "灰灰".into() },
            Segment::text(" 你好"),
            Segment::Image(Media::default()),
            Segment::Face { id: "14".into(), name: String::new() },
        ];
        assert_eq!(flatten(&segments), "@灰灰 你好[image][14]");
    }
}
