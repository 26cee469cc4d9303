//! What a member did that they should not.

use mynah_sdk::prelude::*;

use crate::{links, pace};

/// An offence, and how to say it.
pub(crate) struct Offence {
    /// For the group, which should not have to read the word or the link again.
    pub(crate) zh: String,
    /// The same in English.
    pub(crate) en: String,
    /// For the journal, with what was found.
    pub(crate) why: String,
    /// Whether this message alone is the offence, so that taking it back helps.
    pub(crate) is_in_message: bool,
}

/// The offence that a message is or completes, if any.
pub(crate) fn of(event: &Event, message: &Message) -> Result<Option<Offence>> {
    if let Some(found) = patterns::find("keywords", &message.text)?.first() {
        return Ok(Some(Offence {
            zh: "用了禁用词".into(),
            en: "a forbidden word".into(),
            why: format!("keyword `{}`", found.pattern),
            is_in_message: true,
        }));
    }
    if let Some(allowed) = setting::<Vec<String>>("links")?
        && let Some(host) = links::hosts(&message.text).find(|host| !links::is_allowed(host, &allowed))
    {
        return Ok(Some(Offence {
            zh: "发了不允许的链接".into(),
            en: "a link that is not allowed".into(),
            why: format!("link to `{host}`"),
            is_in_message: true,
        }));
    }
    pace::offence(event, message)
}
