//! What a picture, a film or a file counts as in a chat.

use serde::{Deserialize, Serialize};

use crate::message::{Media, Segment};

/// The attribute of a [`Media`] that says its kind.
pub const KIND_ATTR: &str = "kind";

/// What media are sent and shown as. The numbers are WeChat's types of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A picture that moves, shown without a frame.
    Emoticon,
    /// A spoken message.
    Voice,
    /// A film.
    Video,
    /// Anything else: a name and a size, to be opened elsewhere.
    File,
}

impl MediaKind {
    /// Every kind, with WeChat's number and the word for it.
    const ALL: [(Self, u16, &'static str); 5] = [
        (Self::Image, 3, "image"),
        (Self::Emoticon, 47, "emoticon"),
        (Self::Voice, 34, "voice"),
        (Self::Video, 43, "video"),
        (Self::File, 6, "file"),
    ];

    /// What a file of this media type is sent as, as web WeChat does: gif as emoticon, films that it can play as film.
    /// Nothing is sent as a spoken message.
    pub fn sent_as(mime: &str) -> Self {
        match mime {
            "image/gif" => Self::Emoticon,
            "image/png" | "image/jpeg" | "image/webp" | "image/bmp" => Self::Image,
            "video/mp4" | "video/mpeg" => Self::Video,
            _ => Self::File,
        }
    }

    /// WeChat's number, as in the second half of a media id.
    pub fn number(self) -> u16 {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(6, |(_, number, _)| *number)
    }

    /// The kind of a number.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == number).map(|(kind, ..)| *kind)
    }

    /// As reports call it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("file", |(.., word)| *word)
    }

    /// The piece of a message that shows it.
    pub fn segment(self, media: Media) -> Segment {
        match self {
            Self::Image | Self::Emoticon => Segment::Image(media),
            Self::Voice => Segment::Voice(media),
            Self::Video => Segment::Video(media),
            Self::File => Segment::File(media),
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == word).map(|(kind, ..)| *kind)
    }
}

impl Media {
    /// What it counts as: what its attribute says, else what its media type is.
    pub fn kind(&self) -> MediaKind {
        let said = self.attrs.get(KIND_ATTR).and_then(|word| word.as_str()).and_then(MediaKind::of_word);
        said.unwrap_or_else(|| match self.mime.as_deref().and_then(|mime| mime.split('/').next()) {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Voice,
            Some("video") => MediaKind::Video,
            _ => MediaKind::File,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_sent_as_web_wechat_sends_them() {
        for (mime, number, word) in [
            ("image/png", 3, "image"),
            ("image/gif", 47, "emoticon"),
            ("image/svg+xml", 6, "file"),
            ("video/mp4", 43, "video"),
            ("video/x-matroska", 6, "file"),
            ("audio/mpeg", 6, "file"),
            ("", 6, "file"),
        ] {
            let kind = MediaKind::sent_as(mime);
            assert_eq!((kind.number(), kind.as_str()), (number, word), "{mime}");
            assert_eq!((MediaKind::of_number(number), MediaKind::of_word(word)), (Some(kind), Some(kind)));
        }
    }

    #[test]
    fn what_is_said_of_media_counts_before_their_type() {
        let mut media = Media { mime: Some("audio/mpeg".into()), ..Media::default() };
        assert_eq!(media.kind(), MediaKind::Voice);
        media.attrs.insert(KIND_ATTR.into(), "file".into());
        assert_eq!(media.kind(), MediaKind::File);
        media.attrs.insert(KIND_ATTR.into(), 7.into());
        assert_eq!(media.kind(), MediaKind::Voice);
    }
}
