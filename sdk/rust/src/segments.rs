//! What is said: text, mentions, pictures and faces, put together in order.
//!
//! ```
//! use mynah_sdk::prelude::*;
//!
//! fn greet(who: &Person) -> Reply {
//!     reply(text("欢迎 ").mention(who).text("！").image("welcome.png"))
//! }
//! ```

use crate::types::{Face, Media, Mention, Person, Segment};

/// The pieces of a message, in order.
#[derive(Debug, Clone, Default)]
pub struct Segments(Vec<Segment>);

/// What can be said: a text, a [`Segments`], or segments of the contract.
pub trait IntoSegments {
    /// The pieces, in order.
    fn into_segments(self) -> Vec<Segment>;
}

/// Begins with text, which is shown as it stands: there is no markup.
pub fn text(text: impl Into<String>) -> Segments {
    Segments::default().text(text)
}

/// Begins by calling a person.
pub fn mention(person: &Person) -> Segments {
    Segments::default().mention(person)
}

/// Begins by calling everybody in the chat.
pub fn mention_all() -> Segments {
    Segments::default().mention_all()
}

/// Begins with a picture: an `http`(`s`) address, or a file in the host's media folder.
pub fn image(media: impl Into<Media>) -> Segments {
    Segments::default().image(media)
}

/// Begins with an emoticon of the network, by its number.
pub fn face(id: impl Into<String>) -> Segments {
    Segments::default().face(id)
}

/// Begins by answering the message with this id.
pub fn quote(message_id: impl Into<String>) -> Segments {
    Segments::default().quote(message_id)
}

impl Segments {
    /// Adds text, which is shown as it stands. Text after text is one piece, and an empty one is none.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            Some(Segment::Text(before)) => before.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.0.push(Segment::Text(text)),
        }
        self
    }

    /// Calls a person, by the name that the chat knows them by.
    #[must_use]
    pub fn mention(self, person: &Person) -> Self {
        self.push(Segment::Mention(Mention { id: person.id.clone(), name: person.display_name().into() }))
    }

    /// Calls everybody in the chat.
    #[must_use]
    pub fn mention_all(self) -> Self {
        self.push(Segment::MentionAll)
    }

    /// Adds a picture: an `http`(`s`) address, or a file in the host's media folder.
    #[must_use]
    pub fn image(self, media: impl Into<Media>) -> Self {
        self.push(Segment::Image(media.into()))
    }

    /// Adds an emoticon of the network, by its number.
    #[must_use]
    pub fn face(self, id: impl Into<String>) -> Self {
        self.push(Segment::Face(Face { id: id.into(), name: String::new() }))
    }

    /// Answers the message with this id.
    #[must_use]
    pub fn quote(self, message_id: impl Into<String>) -> Self {
        self.push(Segment::ReplyTo(message_id.into()))
    }

    /// Adds any segment.
    #[must_use]
    pub fn push(mut self, segment: Segment) -> Self {
        self.0.push(segment);
        self
    }
}

impl Media {
    /// Something that can be fetched, over http or https.
    pub fn url(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::nothing() }
    }

    /// A file in the host's media folder, relative to it.
    pub fn path(path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..Self::nothing() }
    }

    /// Something that the network already holds.
    pub fn id(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::nothing() }
    }

    fn nothing() -> Self {
        Self { id: None, url: None, path: None, name: None, mime: None, size: None, attrs: Vec::new() }
    }
}

impl From<&str> for Media {
    /// An `http`(`s`) address, or else a file in the host's media folder.
    fn from(place: &str) -> Self {
        let is_url = place.starts_with("http://") || place.starts_with("https://");
        if is_url { Self::url(place) } else { Self::path(place) }
    }
}

impl IntoSegments for Segments {
    fn into_segments(self) -> Vec<Segment> {
        self.0
    }
}

impl IntoSegments for Vec<Segment> {
    fn into_segments(self) -> Vec<Segment> {
        self
    }
}

impl IntoSegments for Segment {
    fn into_segments(self) -> Vec<Segment> {
        vec![self]
    }
}

impl IntoSegments for &str {
    fn into_segments(self) -> Vec<Segment> {
        vec![Segment::Text(self.into())]
    }
}

impl IntoSegments for String {
    fn into_segments(self) -> Vec<Segment> {
        vec![Segment::Text(self)]
    }
}

impl IntoSegments for &String {
    fn into_segments(self) -> Vec<Segment> {
        vec![Segment::Text(self.clone())]
    }
}
