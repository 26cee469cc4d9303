//! Why there are no media.

use std::io;

use mynah_model::media_kind::MediaKind;

use crate::fetch::FetchError;

/// Why there are no media. Each says what was wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The text is no id.
    #[error("`{0}` is no media id: it reads `@crypt_…:3`, as upload_media and send_*_message answer it")]
    BadId(String),
    /// Nothing of this id is held.
    #[error("no media `{0}` is held: it was never uploaded, or longer ago than media are kept")]
    Unknown(String),
    /// It is something else than the id says.
    #[error("the media is of kind {} ({}), not {} ({})", is.number(), is.as_str(), wanted.number(), wanted.as_str())]
    WrongKind {
        /// What it is.
        is: MediaKind,
        /// What the id says.
        wanted: MediaKind,
    },
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than media may be.
    #[error("the file has more than {most} bytes")]
    TooLarge {
        /// How many may be.
        most: usize,
    },
    /// The text is no base64.
    #[error("this is no base64: {0}")]
    Base64(String),
    /// The path is one that callers may not send, or there is no such file; which of both is not said.
    #[error("{0}")]
    Path(String),
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The server has no such thing, or does not give it.
    #[error("its server answers with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The media folder cannot be used.
    #[error("the media folder cannot be used: {0}")]
    Disk(String),
}

impl MediaError {
    /// Nothing of this id is held; of a long text only the beginning is said again.
    pub(super) fn unknown(id: &str) -> Self {
        Self::Unknown(id.chars().take(100).collect())
    }

    /// The text is no id.
    pub(super) fn bad_id(text: &str) -> Self {
        Self::BadId(text.chars().take(100).collect())
    }

    /// Whether what the caller gave is wrong, rather than that the world did not give what it names.
    pub fn is_callers(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_refusal(),
            Self::Status { .. } | Self::Disk(_) => false,
            _ => true,
        }
    }
}

impl From<io::Error> for MediaError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}
