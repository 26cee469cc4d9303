//! One frame on its own, without a connection: what it comes to is what a connection would make of it.
//!
//! For whoever has frames and no peer, such as fuzz targets.

use mynah_model::roster::Roster;

use super::answers::Answer;
use super::frame::{self, Turn};
use super::oddity::{Oddities, Oddity};
use super::people;
use super::posts::{Post, Reader};
use crate::network::Happening;

/// What a frame comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// The answer to a call.
    Answer {
        /// The call that it names; empty if it names none.
        echo: String,
        /// Whether the peer says that it was done.
        done: bool,
    },
    /// Something happened.
    Event(Box<Happening>),
    /// Something about the connection or the presence of the account, which is no event of the host.
    Meta,
    /// Nothing that can be used, and why not.
    Nothing(Vec<Oddity>),
}

/// Decodes a frame: JSON in UTF-8, at most [`limits::FRAME_BYTES`](super::limits::FRAME_BYTES) of it. Takes any bytes and
/// never panics. An event is read as the account's that it names, whose roster is empty, and keeps its time.
pub fn decode(bytes: &[u8]) -> Decoded {
    let nothing = |oddity| Decoded::Nothing(vec![oddity]);
    if bytes.len() > super::limits::FRAME_BYTES {
        return nothing(Oddity::TooLarge);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return nothing(Oddity::Malformed) };
    let mut spare = String::new();
    let Ok(frame) = frame::read_leniently(text, &mut spare) else { return nothing(Oddity::Malformed) };
    let oddities = Oddities::unheard();
    match frame.turn() {
        Turn::Neither => nothing(Oddity::Neither),
        Turn::Answer => {
            // Whatever was asked for, its answer may be any of these.
            people::login(frame.data);
            people::friends(frame.data, &oddities);
            people::groups(frame.data, &oddities);
            people::group(frame.data);
            people::members(frame.data, 0, &oddities);
            let done = matches!(Answer::read(&frame), Answer::Done(_));
            Decoded::Answer { echo: frame.echo.or_empty().to_owned(), done }
        }
        Turn::Event => {
            let self_id = frame.self_id.0.unwrap_or_default();
            let reader = Reader { self_id, now: i64::MAX, roster: &Roster::default(), oddities: &oddities };
            match reader.read(&frame, text) {
                Post::Happened(happening) => Decoded::Event(happening),
                Post::Alive { .. } | Post::Offline(_) | Post::Online => Decoded::Meta,
                Post::Nothing => Decoded::Nothing(oddities.noted()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_to_what_a_connection_would_make_of_them() {
        let event = decode(
            br#"{"post_type":"message","message_type":"private","user_id":7,"message":"hi","time":1700000000}"#,
        );
        let Decoded::Event(happening) = event else { panic!("{event:?}") };
        assert_eq!(
            (happening.body.message().unwrap().text.as_str(), happening.time),
            ("hi", 1_700_000_000_000)
        );
        let answer = decode(br#"{"status":"ok","retcode":0,"data":[{"user_id":7}],"echo":"12"}"#);
        assert_eq!(answer, Decoded::Answer { echo: "12".into(), done: true });
        assert_eq!(decode(br#"{"post_type":"meta_event","meta_event_type":"heartbeat"}"#), Decoded::Meta);
        for (bytes, oddity) in [
            (&b"\xff"[..], Oddity::Malformed),
            (b"[]", Oddity::Malformed),
            (b"{}", Oddity::Neither),
            (br#"{"post_type":"message","message_type":"group"}"#, Oddity::Incomplete),
            (&vec![b' '; super::super::limits::FRAME_BYTES + 1], Oddity::TooLarge),
        ] {
            assert_eq!(decode(bytes), Decoded::Nothing(vec![oddity]), "{oddity:?}");
        }
    }
}
