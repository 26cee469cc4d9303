//! Frames: what an implementation sends, before anything is made of it.
//!
//! One shape takes all of them. The protocol tells events and answers apart by `post_type` alone, and its fields mean the
//! same wherever they stand.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits;
use super::values::{Number, Text};

/// A frame as it came. Fields that it does not have are empty; those that are not named here are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) post_type: Text<'a>,
    pub(super) meta_event_type: Text<'a>,
    pub(super) message_type: Text<'a>,
    pub(super) notice_type: Text<'a>,
    pub(super) request_type: Text<'a>,
    pub(super) sub_type: Text<'a>,
    /// Unix seconds.
    pub(super) time: Number,
    pub(super) self_id: Number,
    pub(super) user_id: Number,
    pub(super) group_id: Number,
    pub(super) operator_id: Number,
    /// Whom an own message went to.
    pub(super) target_id: Number,
    pub(super) group_name: Text<'a>,
    pub(super) message_id: Text<'a>,
    pub(super) message_seq: Text<'a>,
    /// Of an event its segments or its CQ string; of an answer a sentence.
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    pub(super) raw_message: Text<'a>,
    #[serde(borrow)]
    pub(super) sender: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) anonymous: Option<&'a RawValue>,
    /// Seconds of a mute.
    pub(super) duration: Number,
    pub(super) card_old: Text<'a>,
    pub(super) card_new: Text<'a>,
    pub(super) name_new: Text<'a>,
    pub(super) title: Text<'a>,
    pub(super) comment: Text<'a>,
    pub(super) flag: Text<'a>,
    pub(super) tag: Text<'a>,
    /// Milliseconds between heartbeats.
    pub(super) interval: Number,
    /// Of a heartbeat an object, of an answer a word.
    #[serde(borrow)]
    pub(super) status: Option<&'a RawValue>,
    pub(super) retcode: Number,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    pub(super) wording: Text<'a>,
    pub(super) msg: Text<'a>,
    pub(super) echo: Text<'a>,
}

/// What a frame is, by which of its fields are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It answers a call.
    Answer,
    /// It tells of something.
    Event,
    /// Neither: what has no post type, no return code and no status is nothing.
    Neither,
}

/// Who said something, as far as the event says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sender<'a> {
    #[serde(borrow)]
    pub(super) nickname: Text<'a>,
    pub(super) card: Text<'a>,
    pub(super) role: Text<'a>,
    pub(super) title: Text<'a>,
    /// The group that a temporary session comes from.
    pub(super) group_id: Number,
}

/// Why a frame cannot be used. Says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at line {line}, column {column}")]
pub(super) struct FrameError {
    what: &'static str,
    /// Whether it is JSON after all.
    is_json: bool,
    line: usize,
    column: usize,
}

/// Reads a frame.
pub(super) fn read(text: &str) -> Result<Frame<'_>, FrameError> {
    // A list of the right length would do for serde, too.
    if !text.trim_start().starts_with('{') {
        return Err(FrameError { what: "is no JSON object", is_json: false, line: 1, column: 1 });
    }
    serde_json::from_str(text).map_err(|error| FrameError {
        is_json: error.is_data(),
        what: match error.classify() {
            serde_json::error::Category::Data => "does not fit the protocol",
            serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is no JSON",
        },
        line: error.line(),
        column: error.column(),
    })
}

/// Reads a frame, of fields that stand in it more than once the last, as everybody else does: walle-v11 writes some so.
/// `spare` holds what is read in that case.
pub(super) fn read_leniently<'a>(text: &'a str, spare: &'a mut String) -> Result<Frame<'a>, FrameError> {
    let error = match read(text) {
        Err(error) if error.is_json => error,
        read => return read,
    };
    let fields: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(text).ok();
    let Some(once) = fields.and_then(|fields| serde_json::to_string(&fields).ok()) else { return Err(error) };
    *spare = once;
    read(spare)
}

impl Frame<'_> {
    /// What this is.
    pub(super) fn turn(&self) -> Turn {
        match self.post_type.get() {
            None if self.retcode.0.is_some() || self.status_word().is_some() => Turn::Answer,
            None | Some("") => Turn::Neither,
            Some(_) => Turn::Event,
        }
    }

    /// The status of an answer.
    pub(super) fn status_word(&self) -> Option<String> {
        self.status.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// What the peer says about a failure, in its own words.
    pub(super) fn sentence(&self) -> Option<String> {
        let message = || self.message.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let said = self.wording.owned().or_else(|| message().and_then(filled)).or_else(|| self.msg.owned());
        said.map(|said| said.chars().take(limits::SENTENCE_CHARS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_as_numbers_and_as_text() {
        for json in [
            r#"{"post_type":"message","user_id":20002,"message_id":-13,"group_id":100}"#,
            r#"{"post_type":"message","user_id":"20002","message_id":"-13","group_id":"100"}"#,
        ] {
            let frame = read(json).unwrap();
            assert_eq!((frame.user_id.0, frame.group_id.0), (Some(20002), Some(100)));
            assert_eq!(frame.message_id.get(), Some("-13"));
        }
    }

    #[test]
    fn what_is_no_object_is_refused_and_says_where_but_not_what() {
        for bad in ["", "secret", "[1]", "\"secret\"", "{\"a\":", "nul", "{\"user_id\":1,\"user_id\":2}"] {
            let error = read(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert!(read(&deep).is_err());
        // Where nobody looks, depth does no harm.
        assert!(read(&format!(r#"{{"post_type":"message","message":{deep}}}"#)).is_ok());
    }

    #[test]
    fn of_fields_that_stand_twice_the_last_counts() {
        let mut spare = String::new();
        let twice = r#"{"user_id":1,"post_type":"message","user_id":2,"sender":{"a":[1]},"sender":null}"#;
        let frame = read_leniently(twice, &mut spare).unwrap();
        assert_eq!((frame.user_id.0, frame.post_type.get()), (Some(2), Some("message")));
        for bad in ["[1]", "{", r#"{"user_id":1,"user_id":2"#] {
            assert!(read_leniently(bad, &mut String::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_failure_is_told_in_the_peer_s_words_wherever_it_puts_them() {
        for json in [
            r#"{"status":"failed","retcode":100,"wording":"why","msg":"GROUP_NOT_FOUND"}"#,
            r#"{"status":"failed","retcode":1200,"message":"why","wording":""}"#,
            r#"{"status":"failed","retcode":100,"msg":"why","message":[1]}"#,
        ] {
            let frame = read(json).unwrap();
            assert_eq!(frame.turn(), Turn::Answer, "{json}");
            assert_eq!(frame.sentence().as_deref(), Some("why"), "{json}");
        }
        let heartbeat = read(r#"{"post_type":"meta_event","status":{"online":true}}"#).unwrap();
        assert_eq!(heartbeat.turn(), Turn::Event);
        assert_eq!(read("{}").unwrap().turn(), Turn::Neither);
    }
}
